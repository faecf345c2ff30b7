package owners

// Assert writes what rows of a sync say. It has no state: what it writes and the offsets that it comes from are to be one
// transaction, so that what a cut-off instance writes is never seen. It belongs to one goroutine at a time.
type Assert struct {
	topics Topics
	namer  Namer
	sync   Tag
	epoch  int64

	key, value []byte
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
	s.key, s.value = append(s.key[:0], id[:]...), a.Append(s.value[:0]) // id itself would be allocated
	write(s.topics.Rows, id.Partition(s.topics.Parts), s.key, s.value)
}

// End is where a source partition ended.
type End struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Done tells every rows partition that one of the source partitions, part of ends, was read to its end of when the resync began,
// and its rows asserted: no row of the sync's rows that has not come since then is there any more. It may be told again.
func (s *Assert) Done(ends []End, part int, write Write) {
	end := &ends[part]
	a := Assertion{What: OfDone, Sync: s.sync, Epoch: s.epoch, Part: part, Parts: len(ends),
		Source: Source{Topic: []byte(end.Topic), Partition: end.Partition, Offset: end.Offset}}
	s.value = a.Append(s.value[:0])
	for p := range s.topics.Parts {
		write(s.topics.Rows, p, doneKey, s.value)
	}
}

var doneKey = []byte("done")
