package owners

import "bytes"

// row is what is remembered of a row: a record of the members topic. Its sets alias the record.
type row struct {
	sync    Tag
	member  bool
	at      int64 // its version: the offset of the assertion that made its claims, in its rows partition
	marked  bool  // it has dead letters: mark is the last place in the source that counted
	mark    Source
	digests []byte
}

// isEmpty reports whether there is nothing to remember.
func (m *row) isEmpty() bool { return !m.marked && !m.member && len(m.digests) == 0 }

func (m *row) append(b []byte) []byte {
	b = append(appendLong(b, formVersion), m.sync[:]...)
	b = appendLong(appendBool(b, m.member), m.at)
	if m.marked {
		b = m.mark.append(appendLong(b, 1))
	} else {
		b = appendLong(b, 0)
	}
	return appendSet(b, m.digests)
}

func readRow(value []byte) (m row, err error) {
	r := reader{rest: value}
	if err := r.form(); err != nil {
		return m, err
	}
	m.sync, m.member, m.at = r.tag(), r.bool(), r.long()
	if m.marked = r.long() == 1; m.marked {
		m.mark = r.source()
	}
	m.digests = r.set()
	return m, r.end()
}

// overtakes reports whether a place in the source that counted is behind another one.
func (s *Source) overtakes(other *Source) bool {
	return !s.isOf(other) || s.Offset >= other.Offset
}

// isOf reports whether a place is in another one's partition. Earlier versions did not note the topic, which the row's identity tells.
func (s *Source) isOf(other *Source) bool {
	return s.Partition == other.Partition && (len(s.Topic) == 0 || bytes.Equal(s.Topic, other.Topic))
}

// sweep is how far a resync has come in a rows partition.
type sweep struct {
	epoch int64
	start int64 // the offset of its first assertion: versions before it are of earlier epochs
	done  []byte
	swept bool
}

// sweepKey is the key of a sweep's record.
func sweepKey(sync Tag) []byte { return append([]byte("sweep"), sync[:]...) }

// sweepKeyOf is the sync of a sweep's record.
func sweepKeyOf(key []byte) (sync Tag, ok bool) {
	rest, ok := bytes.CutPrefix(key, []byte("sweep"))
	if ok = ok && len(rest) == len(sync); ok {
		sync = Tag(rest)
	}
	return sync, ok
}

func (w *sweep) append(b []byte) []byte {
	b = appendLong(appendLong(appendLong(b, formVersion), w.epoch), w.start)
	return appendBool(appendBytes(b, w.done), w.swept)
}

func readSweep(value []byte) (w sweep, err error) {
	r := reader{rest: value}
	if err := r.form(); err != nil {
		return w, err
	}
	w.epoch, w.start = r.long(), r.long()
	w.done = bytes.Clone(r.bytes())
	w.swept = r.bool()
	return w, r.end()
}

// with is the sweep after a source partition was read to its end.
func (w sweep) with(part, parts int) sweep {
	done := make([]byte, (parts+7)/8)
	copy(done, w.done)
	done[part/8] |= 1 << (part % 8)
	w.done = done
	return w
}

// isRead reports whether all source partitions were read to their ends.
func (w *sweep) isRead(parts int) bool {
	for i := range parts {
		if i/8 >= len(w.done) || w.done[i/8]&(1<<(i%8)) == 0 {
			return false
		}
	}
	return true
}
