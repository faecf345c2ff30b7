package owners

import (
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Rows owns the rows of one partition: it turns what a row says into claims. What it writes for a record, what it remembers and
// the record's offset are to be one transaction: Take, then End. It belongs to one goroutine. It never calls TikTok, so
// TikTok never holds the source up.
type Rows struct {
	topics    Topics
	partition int32
	table     rowTable
	sweeps    []syncSweep // of few syncs
	lacks     func(a *Assertion)

	undo    []undo
	old     []byte // what undo goes back to
	set     []byte
	again   []byte
	key     []byte
	value   []byte
	members []byte
	stale   []Identity
	marked  []Identity // at the restoration
	write   Write
	said    Assertion // of the record at hand
}

// undo is how one change of the transaction is taken back.
type undo struct {
	id       Identity
	at, size int // in Rows.old; size -1: there was nothing
	isSweep  bool
	sync     Tag
	sweep    sweep
}

// NewRows makes the owner of a partition of which nothing is known yet. lacks is told of rows that were rejected here: of
// changed columns, which make a member of whom nothing is remembered.
func NewRows(t Topics, partition int32, lacks func(a *Assertion)) *Rows {
	return &Rows{topics: t, partition: partition, lacks: lacks}
}

// Restore takes over a record of the members topic; they come in their order. Records that are not ours are passed over; the
// error is a *LaterForm.
func (r *Rows) Restore(key, value []byte) error {
	if sync, ok := sweepKeyOf(key); ok {
		return r.restoreSweep(sync, value)
	}
	if len(key) != len(Identity{}) {
		return nil
	}
	id := Identity(key)
	if value == nil {
		r.table.remove(&id)
		return nil
	}
	m, err := readRow(value)
	if err != nil {
		return passOver(err)
	}
	if m.marked {
		r.marked = append(r.marked, id)
	}
	r.table.set(&id, value)
	return nil
}

func (r *Rows) restoreSweep(sync Tag, value []byte) error {
	w, err := readSweep(value)
	if err == nil {
		r.sweepOf(sync).sweep = w
	}
	return passOver(err)
}

// passOver leaves of an error what may not be passed over.
func passOver(err error) error {
	if later, ok := errors.AsType[*LaterForm](err); ok {
		return later
	}
	return nil
}

// Take takes a record of the rows topic over and writes what follows of it. Its error is a *LaterForm.
func (r *Rows) Take(rec *pipeline.Record, write Write) error {
	if rec.Value == nil {
		return nil
	}
	said, err := readAssertion(rec.Value)
	if err != nil {
		return passOver(err)
	}
	r.said, r.write = said, write
	a := &r.said
	r.forgetMarks(rec.Timestamp.Add(-keepMarks).UnixMilli())
	w := r.sweepOf(a.Sync).sweep
	if a.What != OfReplay && a.What != OfRepair && a.Epoch > w.epoch {
		w = sweep{epoch: a.Epoch, start: rec.Offset}
		r.setSweep(a.Sync, w)
	}
	switch {
	case a.What == OfDone || a.What == ofSweep:
		r.resync(a, w, rec)
	case len(rec.Key) == len(Identity{}):
		r.row(Identity(rec.Key), a, &w, rec)
	}
	return nil
}

// row compares what a row says with what is remembered of it. A version before the resync's start is of an earlier epoch: its row claims
// again, and TikTok is told. So it is of all that changes before the sweep: it may have lost what other rows want, which the sweep takes.
func (r *Rows) row(id Identity, a *Assertion, w *sweep, rec *pipeline.Record) {
	var was row
	v, known := r.table.get(&id)
	if known {
		was, _ = readRow(v) // set wrote it
	}
	if a.What == OfReplay && (!was.marked || was.mark.overtakes(&a.Source)) || a.What == OfRepair && a.Version != versionOfRow(&was, known) {
		return
	}
	stale := known && was.at < w.start
	now := row{sync: a.Sync, at: rec.Offset, marked: was.marked || a.Rejected}
	r.becomes(&now, &was, a)
	now.mark = markOf(&was, a, now.marked)
	now.mark.Time = rec.Timestamp.UnixMilli()
	if !stale && SameSet(was.digests, now.digests) {
		if known {
			now.at = was.at // its claims are those of that version
		}
		if now.marked || now.member != was.member {
			r.remember(id, &now)
		}
	} else {
		r.change(id, &was, &now, a, stale || a.What == OfEarlier || w.epoch > 0 && !w.swept)
	}
	if !known && (a.What == OfRow || a.What == OfEarlier) {
		r.sayAgain(a, now.digests)
	}
}

// versionOfRow is a row's version.
func versionOfRow(was *row, known bool) int64 {
	if !known {
		return NoVersion
	}
	return was.at
}

// becomes says what the row is by now: a row of changed columns leaves out what did not change.
func (r *Rows) becomes(now, was *row, a *Assertion) {
	switch {
	case a.AsWas && !was.member, !a.AsWas && !a.Member:
		return
	case a.Kept == 0:
		now.digests = a.Digests
	default:
		now.digests = r.keep(a, was.digests)
	}
	now.member = len(now.digests) > 0 || a.Keep
	if a.Kept != 0 && len(now.digests) == 0 && !was.member { // it stays a member: what it lacks may come alone, in a row that does not say again that it is one
		now.marked, a.Rejected = true, true
		r.lacks(a)
	}
}

// keep is the digests of a row of changed columns, with those of before that it leaves out.
func (r *Rows) keep(a *Assertion, had []byte) []byte {
	r.set = append(r.set[:0], a.Digests...)
	for d, rest := Next(had); d != nil; d, rest = Next(rest) {
		if kind, _, _ := Parts(d); a.Kept&(1<<kind) != 0 && !Holds(r.set, d) {
			r.set = append(r.set, d...)
		}
	}
	return r.set
}

// AllKinds are the bits of all types of identifiers.
const AllKinds = 1<<member.Kinds - 1

// markOf is the last place in the source that counted. A rejected row does not count itself, so that it may be replayed; one that
// leaves its member as it was does not make earlier letters useless.
func markOf(was *row, a *Assertion, marked bool) (s Source) {
	switch {
	case !marked:
		return Source{}
	case !a.Rejected:
		return a.Source
	case a.AsWas && was.marked && was.mark.isOf(&a.Source):
		return was.mark
	}
	s = a.Source
	s.Offset--
	return s
}

// change claims what the row has come to want, under its new version, and then gives up the claims of the one before.
func (r *Rows) change(id Identity, was, now *row, a *Assertion, tell bool) {
	says := present
	if tell {
		says = told
	}
	r.claim(now.digests, now.at, says, a)
	r.claim(was.digests, was.at, absent, a)
	r.remember(id, now)
}

func (r *Rows) claim(set []byte, at int64, says says, a *Assertion) {
	if len(set) == 0 {
		return
	}
	c := claim{says: says, sync: a.Sync, source: a.Source}
	r.value = c.append(r.value[:0])
	for d, rest := Next(set); d != nil; d, rest = Next(rest) {
		r.key = appendClaimKey(r.key[:0], d, r.partition, at)
		r.write(r.topics.Claims, ownerOf(d, r.topics.Parts), r.key, r.value)
	}
}

// sayAgain has the owners say once more what a row had that nothing is known of, and that it does not have any more: TikTok may
// hold it since before this audience was kept here.
func (r *Rows) sayAgain(a *Assertion, has []byte) {
	r.again = r.again[:0]
	for d, rest := Next(a.Before); d != nil; d, rest = Next(rest) {
		if !Holds(has, d) {
			r.again = append(r.again, d...)
		}
	}
	if len(r.again) > 0 {
		SayAgain(r.topics, r.again, a.Sync, a.Source, r.write)
	}
}

// remember notes what a row is.
func (r *Rows) remember(id Identity, m *row) {
	r.noteOld(id)
	r.key = append(r.key[:0], id[:]...) // id itself would be allocated
	if m.isEmpty() {
		r.table.remove(&id)
		r.write(r.topics.Members, r.partition, r.key, nil)
		return
	}
	r.members = m.append(r.members[:0])
	r.table.set(&id, r.members)
	r.write(r.topics.Members, r.partition, r.key, r.members)
}

func (r *Rows) noteOld(id Identity) {
	u := undo{id: id, at: len(r.old), size: -1}
	if v, ok := r.table.get(&id); ok {
		u.size = len(v)
		r.old = append(r.old, v...)
	}
	r.undo = append(r.undo, u)
}

// End ends the transaction: one that was not committed has changed nothing.
func (r *Rows) End(committed bool) {
	for i := len(r.undo) - 1; i >= 0 && !committed; i-- {
		r.takeBack(&r.undo[i])
	}
	clear(r.undo)
	r.undo, r.old = r.undo[:0], r.old[:0]
}

func (r *Rows) takeBack(u *undo) {
	switch {
	case u.isSweep:
		*r.sweepOf(u.sync) = syncSweep{sync: u.sync, sweep: u.sweep}
	case u.size < 0:
		r.table.remove(&u.id)
	default:
		r.table.set(&u.id, r.old[u.at:u.at+u.size])
	}
}

// Len is how many rows are remembered.
func (r *Rows) Len() int { return r.table.len }

// Bytes is about what the rows take in memory.
func (r *Rows) Bytes() int64 { return r.table.bytes() }

// keepMarks is how long a row's place in the source is kept for the sake of its dead letters: longer than these are kept.
const keepMarks = 31 * 24 * time.Hour

// forgetAtOnce is how many rows that were marked at the restoration are looked at with each record.
const forgetAtOnce = 10

// forgetMarks takes old marks off rows that had them when the partition was restored.
func (r *Rows) forgetMarks(before int64) {
	for n := min(forgetAtOnce, len(r.marked)); n > 0; n-- {
		id := r.marked[len(r.marked)-1]
		r.marked = r.marked[:len(r.marked)-1]
		v, _ := r.table.get(&id)
		if m, err := readRow(v); err == nil && m.marked && m.mark.Time < before {
			m.marked = false
			r.remember(id, &m)
		}
	}
}
