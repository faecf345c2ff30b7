package identity

import "fmt"

// Hasher is any kind of identifier.
type Hasher interface {
	Hash(clear []byte) (Hash, error)
}

// AudienceOptions are what a sync may say about the identifiers of an audience.
type AudienceOptions struct {
	Mode                    Mode
	Country                 Country
	StripPlusTag, StripDots bool
}

// AudienceTypes are the identifiers an audience may be filled by, in the words of the configuration.
func AudienceTypes() []string {
	return []string{"EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "IDFA_MD5", "GAID_SHA256", "GAID_MD5"}
}

// ForAudience is the kind for one of AudienceTypes, with TikTok's rules for audiences: they differ from those for events
// in white space within e-mail addresses and in the case of an IDFA.
func ForAudience(idType string, o AudienceOptions) (Hasher, error) {
	switch idType {
	case "EMAIL_SHA256":
		return Email{Mode: o.Mode, RemoveSpaces: true, StripPlusTag: o.StripPlusTag, StripDots: o.StripDots}, nil
	case "PHONE_SHA256":
		return Phone{Mode: o.Mode, Country: o.Country}, nil
	case "IDFA_SHA256", "GAID_SHA256":
		return DeviceID{Mode: o.Mode}, nil
	case "IDFA_MD5", "GAID_MD5":
		return DeviceID{Mode: o.Mode, MD5: true}, nil
	}
	return nil, fmt.Errorf("must be one of %v", AudienceTypes())
}
