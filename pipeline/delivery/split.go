package delivery

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// deliver sends entries in as few calls as it takes to deliver the good ones and to know the bad ones (P7).
func (b *batch) deliver(entries []entry) {
	for len(entries) > 0 {
		group := entries[:b.groupSize(len(entries))]
		entries = entries[len(group):]
		switch out := b.call(group); out.kind {
		case accepted:
			b.cleared += len(group)
		case stopped:
			if len(entries) == 0 || b.sender.ctx.Err() != nil {
				return
			}
		case refused:
			b.split()
			entries = slices.Concat(b.narrow(out), entries)
		case tooMany:
			b.split()
			entries = slices.Concat(b.shrink(out), entries)
		default:
			b.giveUp(out)
		}
	}
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

// narrow finds one bad item among those of a refused call and gives the others that are still to be sent. The item that
// the refusal names is tried alone: the text is only a hint. Otherwise the half that contains a bad item is halved again;
// when one half is accepted, the other is known to contain it without a call.
func (b *batch) narrow(out outcome) (rest []entry) {
	suspects := out.sent
	for len(suspects) > 1 {
		if i := b.namedIn(out, len(suspects)); i >= 0 {
			rest = slices.Concat(suspects[:i], suspects[i+1:], rest)
			b.confirm(suspects[i:i+1], outcome{}, true)
			return rest
		}
		half := len(suspects) / 2
		switch out = b.call(suspects[:half]); out.kind {
		case accepted:
			b.cleared += half
			suspects, out = suspects[half:], outcome{}
		case refused:
			suspects, rest = out.sent, slices.Concat(suspects[half:], rest)
		default:
			return b.interrupted(out, slices.Concat(suspects[half:], rest))
		}
	}
	b.found++
	b.confirm(suspects, out, false)
	return rest
}

// namedIn is the index of the item a refusal names, -1 if it names none or has named a good one before.
func (b *batch) namedIn(out outcome, n int) int {
	if out.kind != refused || b.misnamed || out.answer.Item >= n {
		return -1
	}
	return out.answer.Item
}

// interrupted handles an answer, in the search for a bad item, that is neither yes nor no.
func (b *batch) interrupted(out outcome, rest []entry) []entry {
	if out.kind == tooMany {
		return slices.Concat(b.shrink(out), rest)
	}
	b.giveUp(out)
	return rest
}

// confirm makes sure that an item alone is refused, and rejects its row. One refusal may be TikTok's accident: it takes
// two that were for this item, of which one may have named it among others. last is the refusal of the item alone, if
// there was one.
func (b *batch) confirm(alone []entry, last outcome, named bool) {
	for refusals := 0; ; {
		if last.kind == refused {
			refusals++
			named = named || last.answer.Item == 0
		}
		if refusals == 2 || refusals == 1 && named {
			break
		}
		if last = b.call(alone); last.kind == accepted {
			b.misnamed = b.misnamed || named
			b.cleared++
			return
		}
		if last.kind != refused {
			b.interrupted(last, nil)
			return
		}
	}
	b.named = b.named || named
	b.bad++
	b.reject(last, pipeline.RefusedByTikTok)
}

// shrink remembers that TikTok takes fewer items than were sent. A single item that is too many cannot be helped.
func (b *batch) shrink(out outcome) []entry {
	if len(out.sent) == 1 {
		b.bad++
		b.reject(out, pipeline.BatchRefused)
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
	return &batch{queue: b.queue, sender: b.sender, id: b.partID(), envelope: b.envelope, field: b.field, size: len(entries), suspect: true}
}
