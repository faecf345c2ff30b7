package owners

// Topics are the topics of an audience. All have the same partitions, whose number never changes: it says who owns what.
type Topics struct {
	Rows    string // assertions, by row: a queue, purged behind what was committed
	Members string // what is remembered of rows, in the partition of their assertions: compacted
	Claims  string // claims, by digest: queue and table, compacted
	Parts   int32
}

// NewTopics are the topics of an audience whose names begin so.
func NewTopics(prefix string, parts int32) Topics {
	return Topics{Rows: prefix + ".rows", Members: prefix + ".members", Claims: prefix + ".claims", Parts: parts}
}

// Write writes a record, in the transaction under way where there is one. It copies key and value; a nil value is a
// tombstone.
type Write = func(topic string, partition int32, key, value []byte)
