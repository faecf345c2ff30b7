package find

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// mostLetters are opened of each partition of the rejected topic, the newest.
const mostLetters = 100_000

// lettersPatience is how long letters are opened for one question.
const lettersPatience = 4 * time.Second

// refused looks among the dead letters for a person: of a row that was rejected before it was hashed there is no digest in its outcome.
func (f *search) refused(ctx context.Context, wanted *matcher) error {
	if f.question.As == EventID || f.question.As == Key {
		return nil
	}
	letters := daemon.LettersIn(f.wiring.Admin)
	span, err := deadletter.SpanOf(ctx, letters, f.wiring.Config.DeadLetter.RejectedTopic, f.options.Since, time.Time{})
	if err != nil {
		return err
	}
	all := span.Records
	span.Latest(mostLetters)
	tracers, err := f.tracers()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, lettersPatience)
	defer cancel()
	found, read := map[rowID]*deadletter.Dead{}, int64(0)
	seen := func() {
		if read++; read%4096 == 0 {
			f.progress("reading rejected rows", read, span.Records)
		}
	}
	err = deadletter.Rows(within, letters, span, &deadletter.Filter{Syncs: f.options.Syncs}, seen, func(r *pipeline.Record, h *deadletter.Head) error {
		t := tracers[string(h.Sync)]
		if t == nil || len(found) >= mostRows || !t.holds(within, r, wanted.isPerson) {
			return within.Err()
		}
		d, err := deadletter.Parse(deadletter.Keep(r))
		if err == nil {
			found[rowID{d.Sync, pipeline.Position{Topic: d.Record.Topic, Partition: d.Record.Partition, Offset: d.Record.Offset}}] = d
		}
		return nil
	})
	if late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; late || span.Records < all {
		f.answer.Looked.Short = "not all rejected rows were opened: tokrelay dlq show --key finds one by its key, and its place is one fetch"
		if late {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return f.becameOf(ctx, found)
}

// tracers are those of the syncs that are asked for, by their names.
func (f *search) tracers() (map[string]*tracer, error) {
	all := map[string]*tracer{}
	for _, s := range f.syncs {
		t, err := newTracer(s, f.schemas)
		if err != nil {
			return nil, err
		}
		all[s.Name] = t
	}
	return all, nil
}

// becameOf adds the rows of letters, and what became of them afterwards.
func (f *search) becameOf(ctx context.Context, letters map[rowID]*deadletter.Dead) error {
	maps.DeleteFunc(letters, func(id rowID, _ *deadletter.Dead) bool { return f.answer.rows[id] != nil })
	if len(letters) == 0 {
		return nil
	}
	looked := f.answer.Looked
	err := f.settled(ctx, outcomes.Options{Partitions: []int32{outcomes.LettersPartition}, Since: f.options.Since}, func(o *outcomes.Outcome) bool {
		return letters[rowID{o.Sync, o.Position()}] != nil
	})
	looked.Outcomes += f.answer.Looked.Outcomes
	f.answer.Looked = looked
	for id, d := range letters {
		if f.answer.rows[id] != nil {
			continue
		}
		r := f.answer.row(id.sync, id.at)
		s, _ := f.wiring.Config.Sync(d.Sync)
		r.State, r.Letter, r.Changed = Rejected, deadletter.PlaceText(d.At), d.Record.Timestamp.UTC()
		r.explain(s, d.Rejection.Reason, d.Rejection.Field)
		r.Words = "rejected" + at(" at ", d.Failed) + ": " + r.Words
	}
	return err
}

// isPerson reports whether a text of a row is what was typed, in one of the forms identifiers have.
func (m *matcher) isPerson(text []byte) bool {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return false
	case m.isForm(text), m.isForm(bytes.ToLower(text)):
		return true
	case bytes.IndexByte(text, '@') >= 0:
		return m.isHash(identity.Email{RemoveSpaces: true}.Hash(text))
	case isDigest.Match(text):
		sum, err := hex.DecodeString(string(text))
		return err == nil && m.isDigest(sum)
	case !phoneLike(string(text)):
		return false
	}
	return m.isHash(identity.Phone{}.Hash(text)) || slices.ContainsFunc(m.countries, func(c identity.Country) bool {
		return m.isHash(identity.Phone{Country: c}.Hash(text))
	})
}
