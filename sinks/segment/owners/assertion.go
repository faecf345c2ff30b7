package owners

// What an assertion is of.
type What uint8

// Kinds of assertions.
const (
	OfRow     What = iota // a row of the source
	OfReplay              // a dead letter that is replayed
	OfDone                // a source partition was read to the end recorded for the epoch
	ofSweep               // a sweep goes on
	OfRepair              // a comparison found that something else is remembered of the row
	OfEarlier             // what an earlier version remembered of a row: TikTok has its digests, which their owners do not know yet
)

// Source is where a row is. Topic aliases the record that it was read from.
type Source struct {
	Topic     []byte
	Partition int32
	Offset    int64
	Time      int64 // Unix milliseconds
}

// Assertion is what one row says: a record of the rows topic. Its sets alias the record that it was read from.
type Assertion struct {
	What     What
	Sync     Tag
	Epoch    int64
	Member   bool // the row is a member
	AsWas    bool // the row does not say if it is one: it is if it was
	Keep     bool // a member without digests is remembered, too
	Rejected bool // the row has a dead letter
	Kept     byte // bits of the types of identifiers that the row does not hold, because they did not change
	Source   Source
	Version  int64 // of OfRepair: it counts if the row has that version still; NoVersion: if nothing is remembered of it
	Part     int   // of OfDone: which of the epoch's source partitions
	Parts    int   // how many there are
	Digests  []byte
	Before   []byte // digests of a row that nothing is known of otherwise
}

// NoVersion is that of a row of which nothing is remembered.
const NoVersion = -1

// Append writes the assertion as the value of its record.
func (a *Assertion) Append(b []byte) []byte {
	b = appendLong(appendLong(b, formVersion), int64(a.What))
	b = appendLong(append(b, a.Sync[:]...), a.Epoch)
	b = appendBool(appendBool(appendBool(appendBool(b, a.Member), a.AsWas), a.Keep), a.Rejected)
	b = a.Source.append(appendLong(b, int64(a.Kept)))
	b = appendLong(appendLong(appendLong(b, a.Version), int64(a.Part)), int64(a.Parts))
	return appendSet(appendSet(b, a.Digests), a.Before)
}

// readAssertion reads what Append wrote. Its error is errBroken or *LaterForm.
func readAssertion(value []byte) (a Assertion, err error) {
	r := reader{rest: value}
	if err := r.form(); err != nil {
		return a, err
	}
	a.What = What(r.long())
	a.Sync, a.Epoch = r.tag(), r.long()
	a.Member, a.AsWas, a.Keep, a.Rejected = r.bool(), r.bool(), r.bool(), r.bool()
	a.Kept = byte(r.long())
	a.Source = r.source()
	a.Version, a.Part, a.Parts = r.long(), int(r.long()), int(r.long())
	a.Digests, a.Before = r.set(), r.set()
	return a, r.end()
}

func (s *Source) append(b []byte) []byte {
	b = appendLong(appendBytes(b, s.Topic), int64(s.Partition))
	return appendLong(appendLong(b, s.Offset), s.Time)
}

func (r *reader) source() (s Source) {
	s.Topic = r.bytes()
	s.Partition, s.Offset, s.Time = int32(r.long()), r.long(), r.long()
	return s
}
