package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
)

// commonValues are identifiers that tests, demos and documentation like to use, already normalised.
var commonValues = []string{
	"alice_abc@gmail.com", "janedoe@gmail.com", "jane.doe@example.com", "john.doe@example.com", "test@example.com",
	"user@example.com", "alice@example.com", "bob@example.com", "foo@bar.com", "test@test.com", "a@b.com",
	"+12133734253", "+37493828222", "+15551234567", "+14155550100", "+12025550123", "+442079460958", "+4915112345678",
}

// rawExamples are values as TikTok's documentation shows them before they are normalised, and nothings.
var rawExamples = []string{
	" ALICE_abc@gmail.com ", "ALICE_abc@gmail.com", " ALICE_abc@gmail.com", "ALICE_abc@gmail.com ", "(+1)2133734253", "+1 213 373 4253",
	"", " ", "null", "NULL", "None", "undefined", "nil", "NaN",
}

// spellings are the ways a value can look before it is normalised.
func spellings(v string) []string {
	title := strings.ToUpper(v[:1]) + v[1:]
	ways := []string{
		strings.ToUpper(v), title, " " + v, v + " ", " " + v + " ", v + "\n", "\t" + v, strings.ToUpper(" " + v + " "), "mailto:" + v,
	}
	if digits, phone := strings.CutPrefix(v, "+"); phone {
		ways = append(ways, "00"+digits, "("+v+")", "+ "+digits, digits[:3]+"-"+digits[3:], v[:2]+" "+v[2:], "tel:"+v)
	}
	return ways
}

// knownHashes holds what hashing a common value without normalising it gives, and the hashes of rawExamples.
var knownHashes = sync.OnceValue(func() map[[sha256.Size]byte]bool {
	known := map[[sha256.Size]byte]bool{}
	for _, raw := range rawExamples {
		known[sha256.Sum256([]byte(raw))] = true
	}
	for _, v := range commonValues {
		for _, way := range spellings(v) {
			if way != v {
				known[sha256.Sum256([]byte(way))] = true
			}
		}
		known[twice(v)] = true
	}
	return known
})

// twice is the hash of a hash: what happens to values that came hashed and were hashed again.
func twice(v string) [sha256.Size]byte {
	once := sha256.Sum256([]byte(v))
	return sha256.Sum256([]byte(hex.EncodeToString(once[:])))
}

// knownHash reports whether the 64 hexadecimal digits are the hash of a well-known value that was not normalised.
func knownHash(digits []byte) bool {
	var sum [sha256.Size]byte
	if _, err := hex.Decode(sum[:], digits); err != nil {
		return false
	}
	return knownHashes()[sum]
}
