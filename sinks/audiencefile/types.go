package audiencefile

import "github.com/tokrelay/tokrelay/pipeline/mapping"

// idType is a type of identifier.
type idType struct {
	name   string // in the configuration, and the calculate_type of a file of this type alone
	header string // of its column in a file of several types
	size   int    // of the digest
}

var types = [...]idType{
	{"EMAIL_SHA256", "email_SHA256", 32},
	{"PHONE_SHA256", "phone_SHA256", 32},
	{"IDFA_SHA256", "MAID_SHA256", 32},
	{"IDFA_MD5", "MAID_MD5", 16},
	{"GAID_SHA256", "MAID_SHA256", 32},
	{"GAID_MD5", "MAID_MD5", 16},
}

// multipleTypes is the calculate_type of files with several columns.
const multipleTypes = "MULTIPLE_TYPES"

// Identifiers are the fields a person is matched by.
type Identifiers struct {
	Email mapping.Field `yaml:"EMAIL_SHA256" doc:"e-mail address, hashed by SHA-256"`
	Phone mapping.Field `yaml:"PHONE_SHA256" doc:"phone number, hashed by SHA-256"`
	IDFA  mapping.Field `yaml:"IDFA_SHA256" doc:"Apple's advertising id, hashed by SHA-256"`
	IDFA5 mapping.Field `yaml:"IDFA_MD5" doc:"Apple's advertising id, hashed by MD5"`
	GAID  mapping.Field `yaml:"GAID_SHA256" doc:"Google's advertising id, hashed by SHA-256"`
	GAID5 mapping.Field `yaml:"GAID_MD5" doc:"Google's advertising id, hashed by MD5"`
}

// fields are the fields in the order of types.
func (i *Identifiers) fields() [len(types)]*mapping.Field {
	return [...]*mapping.Field{&i.Email, &i.Phone, &i.IDFA, &i.IDFA5, &i.GAID, &i.GAID5}
}

// Hash says per identifier what its column holds: clear text (raw), digests (hashed), or either (auto).
type Hash struct {
	Email string `yaml:"EMAIL_SHA256" enum:"auto,raw,hashed"`
	Phone string `yaml:"PHONE_SHA256" enum:"auto,raw,hashed"`
	IDFA  string `yaml:"IDFA_SHA256" enum:"auto,raw,hashed"`
	IDFA5 string `yaml:"IDFA_MD5" enum:"auto,raw,hashed"`
	GAID  string `yaml:"GAID_SHA256" enum:"auto,raw,hashed"`
	GAID5 string `yaml:"GAID_MD5" enum:"auto,raw,hashed"`
}

// modes are the words in the order of types.
func (h *Hash) modes() [len(types)]string {
	return [...]string{h.Email, h.Phone, h.IDFA, h.IDFA5, h.GAID, h.GAID5}
}
