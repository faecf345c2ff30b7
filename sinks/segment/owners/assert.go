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
// transaction, so that what a cut-off instance writes is never seen. It belongs to one goroutine at a time.
type Assert struct {
	topics Topics
	namer  Namer
	sync   Tag
	epoch  int64
	value  []byte
}

// NewAssert makes one for the sync of that name. epoch is the number of its last resync.
func NewAssert(t Topics, sync string, epoch int64) *Assert {
	return &Assert{topics: t, namer: NewNamer(sync), sync: TagOf(sync), epoch: epoch}
}

// Row writes what a row says. key is its record's, without framing: it and the topic tell the row from others. Rows of a topic that gets
// another name are others: a resync takes them over.
func (s *Assert) Row(topic string, key []byte, a *Assertion, write Write) {
	s.Of(s.namer.Of(topic, key), a, write)
}

// Of writes what a row of that identity says.
func (s *Assert) Of(id Identity, a *Assertion, write Write) {
	a.Sync, a.Epoch = s.sync, s.epoch
	s.value = a.Append(s.value[:0])
	write(s.topics.Rows, id.Partition(s.topics.Parts), id[:], s.value)
}

// Done tells every rows partition that a source partition, the part-th of the epoch's ends, was read to its end: all that
// rows before it say is committed. To tell it twice does no harm.
func Done(t Topics, sync string, e Epoch, part int, write Write) {
	end := &e.Ends[part]
	a := Assertion{What: OfDone, Sync: TagOf(sync), Epoch: e.Number, Part: part, Parts: len(e.Ends),
		Source: Source{Topic: []byte(end.Topic), Partition: end.Partition, Offset: end.Offset}}
	value := a.Append(nil)
	for p := range t.Parts {
		write(t.Rows, p, doneKey, value)
	}
}

var doneKey = []byte("done")
