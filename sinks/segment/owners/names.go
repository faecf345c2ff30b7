package owners

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// Tag names a sync within its audience: the first bytes of SHA-256 of its name.
type Tag [4]byte

// TagOf is the tag of a sync of that name.
func TagOf(sync string) Tag {
	sum := sha256.Sum256([]byte(sync))
	return Tag(sum[:])
}

// Identity names a row: of all rows of all syncs of an audience. A record's key may be an e-mail address; in the topics and
// in memory there is only this.
type Identity [16]byte

// Namer makes the identities of a sync's rows.
type Namer struct{ sync Identity }

// NewNamer makes one for the sync of that name.
func NewNamer(sync string) Namer {
	sum := sha256.Sum256([]byte(sync))
	return Namer{Identity(sum[:])}
}

// Of is the identity of a topic's row; key is its record's, without framing.
func (n Namer) Of(topic string, key []byte) Identity {
	var room [256]byte
	sum := sha256.Sum256(append(append(append(room[:0], topic...), 0), key...))
	return n.Adopt(Identity(sum[:]))
}

// Adopt is the identity of a member that versions before this one remembered under that key of the sync's own members topic.
func (n Namer) Adopt(key Identity) (id Identity) {
	subtle.XORBytes(id[:], key[:], n.sync[:])
	return id
}

// Partition is the rows partition of a row, of n.
func (id *Identity) Partition(n int32) int32 {
	return int32(binary.LittleEndian.Uint32(id[12:]) % uint32(n))
}
