package pipeline

import (
	"context"
	"errors"
	"testing"
)

func decodes(context.Context, *Record, *Change) error { return nil }

func TestARejectedRowLeavesNoItems(t *testing.T) {
	for name, fail := range map[string]func() error{
		"rejected": func() error { return Reject(StageMap, WrongType, "f", "r") },
		"panicked": func() error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			r := &Runner{Steps: Steps{Decode: decodes, Make: func(items *Items, row int, _ *Change) error {
				items.Buf = append(items.Buf, "item"...)
				items.List = append(items.List, Item{Row: int32(row), End: 4})
				if row == 1 {
					return fail()
				}
				return nil
			}}}
			if err := r.Row(t.Context(), &Record{}, 0); err != nil {
				t.Fatal(err)
			}
			if err := r.Row(t.Context(), &Record{}, 1); err == nil {
				t.Fatal("got nil, want a rejection")
			}
			if len(r.Items.List) != 1 || string(r.Items.Buf) != "item" {
				t.Errorf("got %d items in %q, want the first row's alone", len(r.Items.List), r.Items.Buf)
			}
		})
	}
}

func TestARowsPanicBecomesItsRejectionWithoutItsValue(t *testing.T) {
	none := []int{}
	panics := map[string]struct {
		panic func()
		want  string
	}{
		"with a text":    {func() { panic("jane@example.com") }, "panic with string"},
		"with an error":  {func() { panic(errors.New("jane@example.com")) }, "panic with *errors.errorString"},
		"of the runtime": {func() { _ = none[len(none)+1] }, "runtime error: index out of range [1] with length 0"},
	}
	for name, c := range panics {
		boom := func() error { c.panic(); return nil }
		for step, steps := range map[string]Steps{
			"decode": {Decode: func(context.Context, *Record, *Change) error { return boom() }},
			"pass":   {Decode: decodes, Pass: func(*Change) error { return boom() }},
			"make":   {Decode: decodes, Make: func(*Items, int, *Change) error { return boom() }},
		} {
			t.Run(step+" "+name, func(t *testing.T) {
				r := &Runner{Steps: steps}
				err := r.Row(t.Context(), &Record{}, 0)
				rejection, ok := errors.AsType[*Rejection](err)
				if !ok || rejection.Reason != StepPanicked || rejection.Detail != c.want {
					t.Errorf("got %v, want a rejection with %q", err, c.want)
				}
				if want := step != "decode"; r.Decoded != want {
					t.Errorf("got decoded %v, want %v", r.Decoded, want)
				}
			})
		}
	}
}

func TestRowsOfOneRunnerDoNotMix(t *testing.T) {
	r := &Runner{Steps: Steps{Decode: func(_ context.Context, record *Record, into *Change) error {
		if into.Op != 0 || into.Key != nil {
			return Reject(StageDecode, AvroDecode, "", "an empty change")
		}
		into.Op, into.Key = Insert, record.Key
		return nil
	}}}
	for _, key := range []string{"a", "b"} {
		if err := r.Row(t.Context(), &Record{Key: []byte(key)}, 0); err != nil || string(r.Change.Key) != key {
			t.Errorf("got key %q and %v, want %q", r.Change.Key, err, key)
		}
	}
}
