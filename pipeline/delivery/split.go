package delivery

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// deliver sends entries in as few calls as it takes to deliver the good ones and to know the bad ones (P7).
func (b *batch) deliver(entries []entry) {
	for len(entries)+len(b.suspects) > 0 && b.sender.ctx.Err() == nil {
		to := b.queue.deps.Gate.seen(b.queue, b.field)
		switch i := slices.IndexFunc(b.suspects, func(s suspect) bool { return s.since < to.accepted }); {
		case i >= 0 && len(b.suspects) > 2*handful && to.holds != b.holds:
			entries = b.beginAgain(nil, entries)
		case i >= 0:
			entries = b.examine(i, entries)
		case len(entries) == 0 || len(b.suspects) >= handful:
			entries = b.seekWitness(entries)
		default:
			group := entries[:b.groupSize(len(entries))]
			entries = b.after(b.call(group), entries[len(group):])
		}
	}
}

// after acts on how a part ended and gives what is still to be sent.
func (b *batch) after(out outcome, rest []entry) []entry {
	switch out.kind {
	case stopped:
	case doubtful:
		return slices.Concat(out.sent, rest)
	case accepted:
		b.cleared += len(out.sent)
	case refused:
		b.split()
		return b.narrow(out, rest)
	case tooMany:
		b.split()
		return slices.Concat(b.shrink(out), rest)
	case recovered:
		return b.beginAgain(out.sent, rest)
	case misdirected:
		b.reject(out, b.queue.deps.Misdirected)
		b.queue.deps.Gate.release(b.queue, b.field)
	default:
		b.giveUp(out)
	}
	return rest
}

func (b *batch) split() {
	if !b.divided {
		b.divided = true
		b.queue.deps.Metrics.splits.Inc()
	}
}

// groupSize is how many items to try next of n that are left. All of them, until halving has found several: then about as many as
// went between two bad ones so far, so that a batch full of bad rows does not cost a search for each.
func (b *batch) groupSize(n int) int {
	if b.found >= 3 {
		n = min(n, max(1, 2*b.cleared/b.found))
	}
	if b.most > 0 {
		n = min(n, b.most)
	}
	return n
}

// narrow finds one bad item among those of a refused call, which is suspect then, and gives what is still to be sent: TikTok
// names none. The half that contains a bad item is halved again; when one half is accepted, the other is known to contain it
// without a call.
func (b *batch) narrow(out outcome, rest []entry) []entry {
	suspects := out.sent
	for len(suspects) > 1 {
		half := len(suspects) / 2
		switch out = b.call(suspects[:half]); out.kind {
		case accepted:
			b.cleared += half
			suspects, out = suspects[half:], outcome{}
		case refused:
			suspects, rest = out.sent, slices.Concat(suspects[half:], rest)
		default:
			return b.after(out, slices.Concat(suspects[half:], rest))
		}
	}
	if out.kind != refused && len(suspects) > 0 {
		if out = b.call(suspects); out.kind != refused {
			return b.after(out, rest)
		}
	}
	for _, e := range suspects {
		b.suspect(e, out)
	}
	return rest
}

// shrink remembers that TikTok takes fewer items than were sent. A single item that is too many is suspect.
func (b *batch) shrink(out outcome) []entry {
	if len(out.sent) == 1 {
		b.suspect(out.sent[0], out)
		return nil
	}
	b.most = (len(out.sent) + 1) / 2
	return out.sent
}

// giveUp handles a part that was given up. A single item ends in the dead letters; several go on as two batches of their
// own, for only some of them may be what TikTok stumbles over.
func (b *batch) giveUp(out outcome) {
	switch {
	case out.kind == overdue, out.kind == gaveUp && len(out.sent) == 1:
		b.bad += len(out.sent)
		b.reject(out, pipeline.GaveUp)
	case out.kind == gaveUp:
		b.split()
		b.divide(out)
	}
}

func (b *batch) divide(out outcome) {
	half := len(out.sent) / 2
	for _, entries := range [][]entry{out.sent[:half], out.sent[half:]} {
		piece := b.piece(entries)
		b.sender.sending.Go(func() { piece.run(nil, entries) })
	}
}

// piece is a batch made of a part of another.
func (b *batch) piece(entries []entry) *batch {
	return &batch{queue: b.queue, sender: b.sender, id: b.partID(), envelope: b.envelope, field: b.field, size: len(entries), fromFailed: true}
}
