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

func TestWhatFollowsOfARowThatIsNotAcceptedIsAsked(t *testing.T) {
	reject := Reject(StageMap, WrongType, "f", "r")
	for name, c := range map[string]struct {
		decode, pass, made error
		leave              func()
		items, rejected    int
	}{
		"rejected while decoded": {decode: reject, items: 1, rejected: 1},
		"rejected by a step":     {made: reject, items: 1, rejected: 1},
		"filtered":               {pass: SkipFiltered, items: 1},
		"skipped":                {pass: SkipOperation},
		"trouble":                {decode: &Trouble{Kind: TroubleRegistry}},
		"accepted":               {items: 1},
		"a fault there":          {made: reject, leave: func() { panic("a bug") }},
	} {
		item := func(items *Items, row int, _ *Change) {
			items.Buf, items.List = append(items.Buf, "item"...), append(items.List, Item{Row: int32(row), End: 4})
		}
		r := &Runner{Steps: Steps{
			Decode: func(_ context.Context, r *Record, into *Change) error {
				into.Key, into.SchemaID, into.Op = r.Key, "7", Update
				return c.decode
			},
			Pass: func(*Change) error { return c.pass },
			Make: func(items *Items, row int, ch *Change) error { item(items, row, ch); return c.made },
			Leave: func(items *Items, row int, ch *Change, why error) {
				item(items, row, ch)
				if string(ch.Key) != "k" || (ch.Op == 0) != (c.decode != nil) {
					t.Errorf("%s: got a change with key %q and op %v", name, ch.Key, ch.Op)
				}
				if c.leave != nil {
					c.leave()
				}
			},
		}}
		_ = r.Row(t.Context(), &Record{Key: []byte("k")}, 3)
		if len(r.Items.List) != c.items || len(r.Items.Rejected) != c.rejected {
			t.Errorf("%s: got %d items and %d rejected rows, want %d and %d", name, len(r.Items.List), len(r.Items.Rejected), c.items, c.rejected)
		}
		if c.rejected > 0 && (r.Items.Rejected[0].Row != 3 || r.Items.Rejected[0].Rejection != reject || r.Items.Rejected[0].SchemaID != "7") {
			t.Errorf("%s: got %+v", name, r.Items.Rejected[0])
		}
	}
}
