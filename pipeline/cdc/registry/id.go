package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// ID names a writer schema. The zero ID is none: the value is JSON. IDs can be compared and be keys.
type ID struct {
	Kind IDKind
	N    int64    // NumberID, GlobalID, FingerprintID
	GUID [16]byte // GUIDID; of NamedID, a digest of the name
}

// IDKind is what an ID is.
type IDKind uint8

const (
	NoSchema      IDKind = iota // JSON text
	NumberID                    // the registry's number: a Confluent id, Apicurio's contentId
	GlobalID                    // Apicurio's globalId, which counts apart from its contentId
	GUIDID                      // Confluent's GUID
	FingerprintID               // CRC-64-AVRO of the schema's canonical form, in N
	NamedID                     // the full name of a schema in the local folder
)

// String is the id as headers, logs and messages show it.
func (id ID) String() string {
	switch id.Kind {
	case NoSchema:
		return ""
	case GUIDID:
		return guidText(id.GUID)
	case FingerprintID:
		return fmt.Sprintf("fingerprint %016x", uint64(id.N))
	case NamedID:
		return "framing.schema"
	}
	return strconv.FormatInt(id.N, 10)
}

// label is the id with its kind, for messages.
func (id ID) label() string {
	if id.Kind == GlobalID {
		return "schema globalId " + id.String()
	}
	return "schema " + id.String()
}

// Named is the id of a schema that is known by its full name.
func Named(name string) ID {
	digest := sha256.Sum256([]byte(name))
	return ID{Kind: NamedID, GUID: [16]byte(digest[:16])}
}

// guidText is 8-4-4-4-12 hexadecimal digits.
func guidText(guid [16]byte) string {
	digits := hex.EncodeToString(guid[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// ParseGUID reads 32 hexadecimal digits, with or without hyphens in their places.
func ParseGUID(text string) (guid [16]byte, ok bool) {
	if len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' {
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	if len(text) != 32 {
		return guid, false
	}
	_, err := hex.Decode(guid[:], []byte(text))
	return guid, err == nil
}

// possible reports whether a registry could know the id at all: numbers start at 1.
func (id ID) possible() bool {
	return id.Kind != NumberID && id.Kind != GlobalID || id.N > 0
}
