package router

import (
	"context"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestWhatAStepReturnsDecidesTheRow(t *testing.T) {
	cases := []struct {
		name    string
		err     error
		letters int
		reason  pipeline.Reason
		outcome pipeline.Outcome
		trouble bool
	}{
		{name: "a rejection", err: pipeline.Reject(pipeline.StageMap, pipeline.WrongType, "f", "r"), letters: 1, reason: pipeline.WrongType},
		{name: "a skip", err: pipeline.SkipTombstone, outcome: pipeline.Skipped},
		{name: "trouble", err: &pipeline.Trouble{Kind: pipeline.TroubleRegistry}, trouble: true},
		{name: "anything else", err: context.DeadlineExceeded, letters: 1, reason: pipeline.StepPanicked},
		{name: "nothing, and no items", outcome: pipeline.Skipped},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, chunk := &worker{}, numbers(0, 1)
			trouble, done := w.sort(t.Context(), chunk, 0, c.err)
			if done == c.trouble || (trouble != nil) != c.trouble {
				t.Errorf("got trouble %v, done %v, want trouble: %v", trouble, done, c.trouble)
			}
			if len(w.letters) != c.letters || c.letters > 0 && w.letters[0].Rejection.Reason != c.reason {
				t.Errorf("got %d letters, want %d for %s", len(w.letters), c.letters, c.reason)
			}
			if got := chunk.Settled(0); got != c.outcome {
				t.Errorf("got outcome %s, want %s", got, c.outcome)
			}
		})
	}
}

func TestAnErrorAfterTheEndOfTheContextIsNoRejection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &worker{}
	if _, done := w.sort(ctx, numbers(0, 1), 0, context.Canceled); done || len(w.letters) > 0 {
		t.Error("a row was rejected because the program ends")
	}
}

func TestARowIsCountedOnceItIsDecoded(t *testing.T) {
	refuse := pipeline.Reject(pipeline.StageMap, pipeline.WrongType, "f", "r")
	for name, c := range map[string]struct {
		decode, pass error
		want         int
	}{
		"passed":      {nil, nil, 1},
		"filtered":    {nil, pipeline.SkipFiltered, 1},
		"half a row":  {refuse, nil, 0},
		"not one row": {pipeline.SkipTombstone, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &worker{runner: pipeline.Runner{Steps: pipeline.Steps{
				Decode: func(_ context.Context, _ *pipeline.Record, into *pipeline.Change) error {
					into.Op = pipeline.Update
					return c.decode
				},
				Pass: func(*pipeline.Change) error { return c.pass },
			}}}
			_ = w.try(t.Context(), numbers(0, 1), 0)
			if got := w.ops[pipeline.Update]; got != c.want {
				t.Errorf("counted %d updates, want %d", got, c.want)
			}
		})
	}
}

func TestTheOldestChangeOfAChunkCounts(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w := &worker{}
	for _, age := range []time.Duration{time.Minute, time.Hour, time.Second} {
		w.note(&pipeline.Change{Op: pipeline.Update, Source: pipeline.Source{Time: now.Add(-age)}})
	}
	w.note(&pipeline.Change{Op: pipeline.Delete})
	if want := now.Add(-time.Hour); !w.oldest.Equal(want) || w.ops[pipeline.Update] != 3 || w.ops[pipeline.Delete] != 1 {
		t.Errorf("got %s and %v, want %s, three updates and a delete", w.oldest, w.ops, want)
	}
}

func TestARejectedRowWithItemsIsSettledByWhatDeliversThem(t *testing.T) {
	reject := pipeline.Reject(pipeline.StageMap, pipeline.WrongType, "f", "r")
	for name, c := range map[string]struct {
		err   error
		tried int
	}{"rejected": {reject, 1}, "filtered": {pipeline.SkipFiltered, 0}} {
		w, chunk := &worker{runner: pipeline.Runner{Steps: pipeline.Steps{
			Decode: func(context.Context, *pipeline.Record, *pipeline.Change) error { return c.err },
			Leave: func(items *pipeline.Items, row int, _ *pipeline.Change, _ error) {
				items.List = append(items.List, pipeline.Item{Row: int32(row)})
			},
		}}}, numbers(0, 1)
		_, done := w.sort(t.Context(), chunk, 0, w.try(t.Context(), chunk, 0))
		if !done || len(w.letters) > 0 || chunk.Settled(0) != pipeline.Unsettled || len(w.tried) != c.tried || len(w.allLetters()) != c.tried {
			t.Errorf("%s: got done %v, letters %v, outcome %v, %d tried, %d letters in all", name, done, w.letters, chunk.Settled(0), len(w.tried), len(w.allLetters()))
		}
	}
}
