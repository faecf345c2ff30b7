package pipeline

import "fmt"

// Item is one valid, normalised, hashed thing as its sink sends it: an event, or one membership to add or delete. Its
// bytes are in the Items it belongs to.
type Item struct {
	Row      int32 // index of its record in the chunk
	Start    int32 // its body is Items.Buf[Start:End]
	End      int32
	IDStart  int32 // its id (event_id) is Items.Buf[IDStart:IDEnd]; empty where the sink has none
	IDEnd    int32
	Persons  int32 // ends the first bytes of the digests of the person, which come after the id; 0 where they are not kept
	Envelope int32 // index into Items.Envelopes
}

// Items are what a chunk's rows became, in row order. A row may have several items, or none. Bodies hold hashes: they
// are never printed.
type Items struct {
	Buf       []byte
	List      []Item
	Envelopes []string // what a call says around its items; only items of one envelope share a call
	Rejected  []Rejected
	Digests   bool   // keep the first bytes of each digest of a person next to its items
	Late      bool   // set by delivery: calls that carried items ended without TikTok's answer and may have their effect later
	Notes     *Notes // what a preview tells of the row at hand; nil where rows are sent
}

// Rejected is a row that was rejected and has items all the same: what follows of it, such as a member that leaves. Its letter is
// written by what settles the row's items.
type Rejected struct {
	Row       int32
	Rejection *Rejection
	SchemaID  string
	Refused   bool // an item of the row was refused, too
}

// Body is the i-th item as it is sent.
func (it *Items) Body(i int) []byte { return it.Buf[it.List[i].Start:it.List[i].End] }

// ID is the i-th item's event id, or nothing.
func (it *Items) ID(i int) []byte { return it.Buf[it.List[i].IDStart:it.List[i].IDEnd] }

// Persons are the first DigestPrefix bytes of each digest that the i-th item names its person by, one after the other, or nothing.
func (it *Items) Persons(i int) []byte {
	if at := &it.List[i]; at.Persons > at.IDEnd {
		return it.Buf[at.IDEnd:at.Persons]
	}
	return nil
}

// DigestPrefix is how many bytes of a digest are enough to find a person's rows by.
const DigestPrefix = 8

// Envelope is what goes around the i-th item.
func (it *Items) Envelope(i int) string { return it.Envelopes[it.List[i].Envelope] }

// EnvelopeIndex finds the envelope or adds it. Envelopes of one chunk are few.
func (it *Items) EnvelopeIndex(envelope []byte) int32 {
	for i, e := range it.Envelopes {
		if e == string(envelope) {
			return int32(i)
		}
	}
	it.Envelopes = append(it.Envelopes, string(envelope))
	return int32(len(it.Envelopes) - 1)
}

// Cut forgets the items and bytes added since the given marks: a row that turns out to be rejected leaves nothing.
func (it *Items) Cut(items, bytes int) { it.List, it.Buf = it.List[:items], it.Buf[:bytes] }

// Reset empties the items and keeps their memory.
func (it *Items) Reset() {
	it.Buf, it.List, it.Envelopes, it.Rejected = it.Buf[:0], it.List[:0], it.Envelopes[:0], it.Rejected[:0]
	it.Late = false
}

// Format prints the number of items, never what they hold.
func (it *Items) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "%d items", len(it.List)) }
