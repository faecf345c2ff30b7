package owners

// says is what becomes of a claim.
type says uint8

const (
	present says = iota // the row wants the digest
	told                // the same, and TikTok is told whatever is known
	absent              // it does not any more
	again               // not a claim: TikTok is told once more what is wanted
)

// A claim is a digest, and the version of the row that wants it. It is present once, then absent once, and no version ever
// claims twice: so order between claims does not matter, and compaction cannot hurt.

// version is a row's version in the claims table: its rows partition, and the offset of its assertion plus one.
type version uint64

const (
	offsetBits = 48
	noRow      = -1 // the partition of what is to be said again
)

func versionOf(partition int32, offset int64) version {
	return version(partition)<<offsetBits | version(offset+1)
}

// appendClaimKey writes the key of a claim's record.
func appendClaimKey(b, digest []byte, partition int32, offset int64) []byte {
	return appendLong(appendLong(append(b, digest...), int64(partition)), offset)
}

// readClaimKey reads what appendClaimKey wrote; v means nothing of what is to be said again.
func readClaimKey(key []byte) (digest []byte, v version, ok bool) {
	digest, rest := Next(key)
	r := reader{rest: rest}
	partition, offset := r.long(), r.long()
	ok = digest != nil && !r.broken && len(r.rest) == 0 && partition >= noRow && partition < 1<<(63-offsetBits) && offset >= 0
	return digest, versionOf(int32(partition), offset), ok
}

// claim is the value of a claim's record. Its source aliases the record.
type claim struct {
	says   says
	sync   Tag
	source Source
}

func (c *claim) append(b []byte) []byte {
	b = appendLong(appendLong(b, formVersion), int64(c.says))
	return c.source.append(append(b, c.sync[:]...))
}

func readClaim(value []byte) (c claim, err error) {
	r := reader{rest: value}
	if err := r.form(); err != nil {
		return c, err
	}
	c.says = says(r.long())
	c.sync, c.source = r.tag(), r.source()
	return c, r.end()
}
