package delivery

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// suspect is an item that was refused alone. That may be its own fault, or its destination's, or TikTok's, or an accident. It
// is rejected once its destination has accepted something else since, and then refuses it again, twice (P7, P8).
type suspect struct {
	entry
	since moment // when the refusal came
}

// handful is how many suspects wait for a witness before one is looked for.
const handful = 5

func (b *batch) suspect(e entry, out outcome) {
	b.suspects = append(b.suspects, suspect{e, out.at})
	b.found++
}

// examine sends a suspect again for which there is a witness. It gives what is still to be sent.
func (b *batch) examine(i int, rest []entry) []entry {
	s := b.take(i)
	out := b.send(&part{entries: []entry{s.entry}, suspect: true, expected: true})
	if out.kind == refused || out.kind == tooMany {
		out = b.send(&part{entries: out.sent, suspect: true, expected: true})
	}
	switch out.kind {
	case accepted:
		b.cleared++
	case refused:
		b.confirm(out, pipeline.RefusedByTikTok)
	case tooMany:
		b.confirm(out, pipeline.BatchRefused)
	default:
		return b.after(out, rest)
	}
	return rest
}

func (b *batch) take(i int) suspect {
	s := b.suspects[i]
	b.suspects = slices.Delete(b.suspects, i, i+1)
	return s
}

func (b *batch) confirm(out outcome, why pipeline.Reason) {
	b.bad += len(out.sent)
	b.reject(out, why)
}

// seekWitness asks whether the destination accepts anything: in turn an item that it has accepted before, and one that it has
// not seen alone, or a suspect again. What others deliver is a witness too. The gate sets the pace, and tells the operator
// when the answer stays the same.
func (b *batch) seekWitness(rest []entry) []entry {
	if b.asked = !b.asked; b.asked && b.control(b.suspected(), func(field string) bool { return field == b.field }) {
		return rest
	}
	if len(rest) > 0 {
		return b.after(b.call(rest[:1]), rest[1:])
	}
	s := b.take(0)
	switch out := b.send(&part{entries: []entry{s.entry}, suspect: true}); out.kind {
	case accepted:
		b.cleared++
	case refused, tooMany:
		b.suspects = append(b.suspects, s)
	default:
		return b.after(out, rest)
	}
	return rest
}

func (b *batch) suspected() []entry {
	list := make([]entry, len(b.suspects))
	for i, s := range b.suspects {
		list[i] = s.entry
	}
	return list
}

// beginAgain forgets what a destination that refused everything has made believe of the items. A few suspects stay: their
// second refusal decides, which costs less than a new search.
func (b *batch) beginAgain(sent, rest []entry) []entry {
	b.found, b.cleared, b.most = 0, 0, 0
	all := slices.Concat(sent, rest)
	if len(b.suspects) > 2*handful {
		all, b.suspects = slices.Concat(b.suspected(), all), nil
	}
	return all
}

// control sends an item that was accepted before once more, for a field that suits. Its answer shows the gate whether
// refusals are about items. TikTok drops the repeat: events by their id, and audiences are sets. The item is of a chunk that
// is still under way, so nothing newer of its member is. It reports whether there was such an item.
func (b *batch) control(near []entry, suits func(field string) bool) bool {
	e, ok := b.queue.acceptedNear(near, suits)
	if !ok {
		return false
	}
	envelope := e.d.items.Envelope(int(e.item))
	field := b.queue.deps.Field(envelope)
	permit, err := b.queue.deps.Gate.acquire(b.sender.ctx, b.queue.member, &waiter{choose: func(_ time.Time, allowed func(string) bool) choice {
		if allowed(field) {
			return choice{kind: choiceSend, envelope: envelope, field: field}
		}
		return choice{kind: choiceWait}
	}})
	if err != nil {
		return false
	}
	f := b.queue.buildRequest(envelope, []entry{e})
	if f == nil {
		permit.cancel()
		return false
	}
	defer b.queue.finished(f)
	b.calls++
	p := &part{id: b.partID(), attempts: 1}
	a := b.post(f, p)
	permit.finish(&a)
	b.queue.note(f, b, p, &a)
	b.ask(permit)
	return true
}

// acceptedNear finds an item that was accepted, among those that came with the entries.
func (q *Queue) acceptedNear(near []entry, suits func(field string) bool) (found entry, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	eachDelivery(near, func(d *delivery) {
		for i, it := range d.items.List {
			if ok || d.gone {
				return
			}
			if d.open[it.Row] == 0 && d.chunk.Settled(int(it.Row)) == pipeline.Delivered && suits(q.deps.Field(d.items.Envelope(i))) {
				found, ok = entry{d, int32(i)}, true
			}
		}
	})
	return found, ok
}
