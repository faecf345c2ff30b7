package owners

// Epoch is a resync of a sync: its number, and where the source ended when it began. Partitions that were empty are left out.
type Epoch struct {
	Number int64
	Ends   []End
}

// End is where a source partition ended.
type End struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Assert writes what rows of a sync say. It has no state: what it writes and the offsets that it comes from are to be one
// transaction, so that each row is asserted once, in order. It belongs to one goroutine.
type Assert struct {
	topics Topics
	namer  Namer
	sync   Tag
	epoch  Epoch
	value  []byte
}

// NewAssert makes one for the sync of that name.
func NewAssert(t Topics, sync string, epoch Epoch) *Assert {
	return &Assert{topics: t, namer: NewNamer(sync), sync: TagOf(sync), epoch: epoch}
}

// Row writes what a row says. topic is what its topic was called first, and key its record's, without framing: together they
// are what tells it from other rows.
func (s *Assert) Row(topic string, key []byte, a *Assertion, write Write) {
	id := s.namer.Of(topic, key)
	a.Sync, a.Epoch = s.sync, s.epoch.Number
	s.value = a.Append(s.value[:0])
	write(s.topics.Rows, id.Partition(s.topics.Parts), id[:], s.value)
}

// Read notes that a source partition was read from an offset up to another: where the end that was recorded for the epoch is between
// them, every rows partition is told.
func (s *Assert) Read(topic string, partition int32, from, next int64, write Write) {
	for i, end := range s.epoch.Ends {
		if end.Topic != topic || end.Partition != partition || end.Offset <= from || end.Offset > next {
			continue
		}
		a := Assertion{What: OfDone, Sync: s.sync, Epoch: s.epoch.Number, Part: i, Parts: len(s.epoch.Ends),
			Source: Source{Topic: []byte(topic), Partition: partition, Offset: end.Offset}}
		s.value = a.Append(s.value[:0])
		for p := range s.topics.Parts {
			write(s.topics.Rows, p, doneKey, s.value)
		}
	}
}

var doneKey = []byte("done")
