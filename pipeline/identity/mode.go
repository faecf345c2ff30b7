package identity

import "fmt"

// Mode says what a column holds. It is set per identifier; the zero Mode is Auto.
type Mode uint8

const (
	// Auto takes text of exactly the digest's length in hexadecimal digits (64; 32 for MD5) as a digest, and hashes
	// everything else. A salted digest, as Debezium's column masks make it, looks the same and matches nobody.
	Auto Mode = iota
	// Raw hashes, and refuses digests.
	Raw
	// Hashed passes digests, and refuses everything else.
	Hashed
)

var modeNames = [...]string{Auto: "auto", Raw: "raw", Hashed: "hashed"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode reads auto, raw or hashed; the empty text is auto.
func ParseMode(s string) (Mode, error) {
	for m, name := range modeNames {
		if s == name {
			return Mode(m), nil
		}
	}
	if s == "" {
		return Auto, nil
	}
	return Auto, fmt.Errorf("must be auto, raw or hashed")
}

// UnmarshalText is ParseMode for configuration readers.
func (m *Mode) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMode(string(text))
	return err
}
