package cdc

import (
	"bytes"
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// errDisagree is the mark of a plan that goavro contradicts: the caller gives the schema to goavro and says so.
var errDisagree = errors.New("the plan and goavro disagree")

// crossCheck decodes a record that the plan has decoded once more, with goavro, and compares. Where they differ goavro is
// right: its result is what the caller gets, and the schema is goavro's from then on. A record beyond the limits is not
// shown to goavro, nor one whose arrays promise more than its bytes hold.
func (w *writer) crossCheck(body []byte, into *reading, c *pipeline.Change, planErr error) error {
	if w.unchecked.Load() > 0 {
		w.unchecked.Add(-1)
	}
	if isLimit(planErr) || errors.Is(planErr, avro.ErrBlock) {
		return planErr
	}
	var other reading
	var second pipeline.Change
	err := w.goavro(body, &other, &second)
	if isLimit(err) {
		return planErr // the walk before goavro counts a little otherwise than the plan
	}
	if (err == nil) == (planErr == nil) && (err != nil || same(into, &other, c, &second)) {
		return planErr
	}
	w.fallback.Store(true)
	*into, *c = other, second
	return &disagreement{err}
}

func isLimit(err error) bool {
	_, ok := errors.AsType[avro.LimitError](err)
	return ok
}

// disagreement carries goavro's result past the fact that the plan's was another one.
type disagreement struct{ result error }

func (d *disagreement) Error() string { return errDisagree.Error() }

// same compares what two decoders made of a record.
func same(a, b *reading, x, y *pipeline.Change) bool {
	return a.program == b.program && bytes.Equal(a.op, b.op) && sameValues(a.source[:], b.source[:]) &&
		sameImage(&x.Before, &y.Before) && sameImage(&x.After, &y.After)
}

func sameImage(a, b *pipeline.Image) bool {
	return a.Present == b.Present && (!a.Present || sameValues(a.Values, b.Values))
}

func sameValues(a, b []pipeline.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameValue(a[i], b[i]) {
			return false
		}
	}
	return true
}

func sameValue(a, b pipeline.Value) bool {
	if a.Kind() != b.Kind() || a.Int() != b.Int() || a.Scale() != b.Scale() || !bytes.Equal(a.Bytes(), b.Bytes()) {
		return false
	}
	for i, n := range a.Names() {
		if i >= len(b.Names()) || n != b.Names()[i] {
			return false
		}
	}
	return sameValues(a.Elems(), b.Elems())
}
