//go:build synctests

package truth

import (
	"github.com/twmb/franz-go/pkg/kgo"
)

// change makes one change to a table and writes it.
func (w *world) change(t *table) {
	id, any := t.some(w.rand.IntN)
	n := w.rand.IntN(20)
	if w.rand.IntN(5) == 0 { // a person who comes and goes: what was said a moment ago is not so any more
		id = t.last
		_, any = t.rows[id]
		n = 20
	}
	t.last = id
	switch {
	case n == 20 && any:
		r := t.rows[id]
		r.optIn, r.lapsed = !r.optIn, !r.optIn
		w.updateTo(t, id, r)
	case !any || n < 6:
		w.insert(t)
	case n < 9:
		w.remove(t, id)
	case n == 9 && w.has[keyChanges]:
		r := t.rows[id]
		w.remove(t, id)
		w.create(t, w.newKey(t), r)
	default:
		w.update(t, id)
	}
}

// insert makes a row, now and then under the key of one that was deleted.
func (w *world) insert(t *table) {
	id := w.newKey(t)
	if len(t.keys) > 0 && w.rand.IntN(4) == 0 {
		old := t.keys[w.rand.IntN(len(t.keys))]
		if _, there := t.rows[old]; !there {
			id = old
		}
	}
	w.create(t, id, w.person())
}

// heard tells the syncs of a version of a row, or that it is gone.
func (w *world) heard(t *table, id int64, before, after row) {
	whole := !w.has[changedColumns] || w.isFull()
	for _, s := range w.streams() {
		switch _, there := t.rows[id]; {
		case s.known[t] == nil:
		case there:
			s.hears(t, id, before, after, whole || before == row{})
		default:
			delete(s.known[t], id)
		}
	}
}

// newKey is one the table has never had.
func (w *world) newKey(t *table) int64 { return int64(len(t.keys) + 1) }

func (w *world) create(t *table, id int64, r row) {
	if int(id) > len(t.keys) {
		t.keys = append(t.keys, id)
	}
	t.rows[id] = r
	w.heard(t, id, row{}, r)
	op := []string{"c", "c", "r"}[w.rand.IntN(3)]
	w.note("%s %s/%d: %v", op, t.topic, id, &r)
	w.put(t, id, op, row{}, r)
}

// put writes a version of a row: as a plain row, or as an envelope with or without what was there before.
func (w *world) put(t *table, id int64, op string, before, after row) {
	switch {
	case w.has[changedColumns]:
		w.putChanged(t, id, op, before, after)
	case w.isPlain():
		w.write(t, id, w.writer.row(columns(id, after), w.deleted("false")))
	case op == "u" && w.isFull():
		w.write(t, id, w.writer.change(op, columns(id, before), columns(id, after)))
	default:
		w.write(t, id, w.writer.change(op, nil, columns(id, after)))
	}
}

func (w *world) update(t *table, id int64) { w.updateTo(t, id, w.altered(t.rows[id])) }

func (w *world) updateTo(t *table, id int64, after row) {
	before := t.rows[id]
	after = w.noticed(before, after)
	t.rows[id] = after
	w.heard(t, id, before, after)
	w.note("u %s/%d: %v", t.topic, id, &after)
	w.put(t, id, "u", before, after)
}

// remove deletes a row. Envelopes have a delete and a tombstone behind it; plain rows the tombstone alone, or the row once more
// with the transform's mark.
func (w *world) remove(t *table, id int64) {
	before := columns(id, t.rows[id])
	delete(t.rows, id)
	w.heard(t, id, row{}, row{})
	w.note("d %s/%d", t.topic, id)
	switch {
	case w.has[changedColumns] && w.isFull():
		w.write(t, id, w.writer.changed(w.form, "d", w.form.image(before, nil), nil))
	case w.has[changedColumns]:
		w.write(t, id, w.writer.changed(w.form, "d", w.form.image(avro{"id": id}, nil), nil))
	case w.style == rewritten:
		w.write(t, id, w.writer.row(before, w.deleted("true")))
		return
	case w.isFull():
		w.write(t, id, w.writer.change("d", before, nil))
	case w.style != flatRows:
		w.write(t, id, w.writer.change("d", keyAlone(id), nil))
	}
	w.write(t, id, nil)
}

func (w *world) isPlain() bool { return w.style == flatRows || w.style == rewritten }

// deleted is the mark of rewritten rows; others have none.
func (w *world) deleted(mark string) *string {
	if w.style != rewritten {
		return nil
	}
	return &mark
}

// isFull reports whether before-images hold the whole old row.
func (w *world) isFull() bool { return w.style != keyImages && !w.isPlain() && !w.keyed }

// write puts a record at the end of its partition: rows stay where their id puts them, whatever the bytes of their key.
func (w *world) write(t *table, id int64, value []byte) {
	partition := int32(id % int64(w.partitions))
	w.written[t.topic][partition]++
	record := &kgo.Record{Topic: t.topic, Partition: partition, Key: w.writer.keyOf(id, w.keySchema), Value: value}
	w.client.Produce(w.Context(), record, func(_ *kgo.Record, err error) {
		if err != nil {
			w.Errorf("write row: %v", err)
		}
	})
	if w.rand.IntN(3) == 0 { // a batch of its own: the cleaner keeps the last one whole
		w.flush()
	}
}

func (w *world) flush() {
	if err := w.client.Flush(w.Context()); err != nil {
		w.Fatal(err)
	}
}
