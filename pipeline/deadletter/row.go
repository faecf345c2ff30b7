package deadletter

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Row is a dead letter's row for a person.
type Row struct {
	Op      string   `json:"op,omitempty"`
	After   []Column `json:"row,omitempty"`
	Before  []Column `json:"before,omitempty"`
	Key     string   `json:"key,omitempty"`
	Bytes   int      `json:"bytes"`
	Start   string   `json:"start,omitempty"`   // of a value that cannot be read, in hexadecimal
	Problem string   `json:"problem,omitempty"` // why there are no columns
}

// Column is one value of a row, in clear or as its shape.
type Column struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Decode reads all columns of a record, as the decoders of syncs do.
type Decode func(ctx context.Context, r *pipeline.Record, into *pipeline.Change) error

// Opener reads the rows of dead letters with the settings of their syncs.
type Opener struct {
	Source  Source
	Decoder func(sync string) (Decode, error) // also for syncs that are gone
	Reveal  bool                              // values in clear

	decoders map[string]Decode
}

// Open reads a letter's row; of a letter without payload, from the source. What cannot be read is said in the Row. Only
// the end of ctx, and Kafka's trouble with the source, are errors.
func (o *Opener) Open(ctx context.Context, d *Dead) (*Row, error) {
	record := &d.Record
	if d.Omitted == OmittedUnreadable {
		return &Row{Problem: "the letter is for a batch that could not be read"}, nil
	}
	if d.AtSource() {
		source, err := d.Source(ctx, o.Source)
		if err != nil {
			return nil, fmt.Errorf("read the row from its source: %w", err)
		}
		if source == nil {
			return &Row{Problem: "the letter keeps no payload, and the source topic no longer has the row"}, nil
		}
		record = source
	}
	return o.Row(ctx, d.Sync, record)
}

// Row reads a record of the sync's source, with the same outcomes as Open.
func (o *Opener) Row(ctx context.Context, sync string, r *pipeline.Record) (*Row, error) {
	row := &Row{Bytes: len(r.Value), Key: o.key(r.Key)}
	decode, err := o.decoder(sync)
	if err != nil {
		return nil, err
	}
	runner := pipeline.Runner{Steps: pipeline.Steps{Decode: decode}}
	c := &runner.Change
	if err := runner.Row(ctx, r, 0); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row.Problem = problem(err)
		if o.Reveal {
			row.Start = hex.EncodeToString(r.Value[:min(len(r.Value), 64)])
		}
		return row, nil
	}
	row.Op = c.Op.String()
	row.After, row.Before = o.columns(c, &c.After), o.columns(c, &c.Before)
	return row, nil
}

func problem(err error) string {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		return "it cannot be decoded: " + r.Message()
	}
	if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		return "it is not a row: " + string(skip)
	}
	return "it cannot be decoded now: " + err.Error()
}

func (o *Opener) decoder(sync string) (Decode, error) {
	if d := o.decoders[sync]; d != nil {
		return d, nil
	}
	d, err := o.Decoder(sync)
	if err != nil {
		return nil, fmt.Errorf("read rows of sync %s: %w", sync, err)
	}
	if o.decoders == nil {
		o.decoders = map[string]Decode{}
	}
	o.decoders[sync] = d
	return d, nil
}

func (o *Opener) columns(c *pipeline.Change, image *pipeline.Image) []Column {
	if !image.Present || c.Shape == nil {
		return nil
	}
	var list []Column
	for i, name := range c.Shape.Names {
		if v := image.Value(i); v.Kind() != pipeline.Missing {
			list = append(list, Column{Name: name, Kind: v.Kind().String(), Value: show(v, o.Reveal)})
		}
	}
	return list
}

// key shows a record's key: framed keys are columns of the row too, so that their bytes are enough.
func (o *Opener) key(key []byte) string {
	switch {
	case key == nil:
		return "none"
	case !utf8.Valid(key) || len(key) > 0 && key[0] == 0:
		if o.Reveal {
			return hex.EncodeToString(key)
		}
		return strconv.Itoa(len(key)) + " bytes"
	case o.Reveal:
		return printable(string(key))
	}
	return Mask(string(key))
}
