package cdc

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// Wanted says which columns a sync reads. A name may go into a record: address.city.
type Wanted struct {
	Columns  []string
	Optional []bool     // of Columns: the mapping can do without; nil: it needs all
	AnyOf    [][]string // optional columns of which one has to be there all the same
	All      bool       // every other column too

	Sent func(pipeline.Op) bool // whether rows of an operation are sent; nil: they are only shown, and stop nothing
}

func (w Wanted) optional(i int) bool { return i < len(w.Optional) && w.Optional[i] }

// Decoder reads records into changes for one sync. Its methods may be called by several goroutines, each with a Change of
// its own.
type Decoder struct {
	cfg      Config
	compiler *compiler
	schemas  Schemas
	metrics  *Metrics

	usualFrames bool

	last    atomic.Pointer[cached] // the writer of the last record: usually the next one's too
	writers sync.Map               // registry.ID → *cached
	count   atomic.Int32
	keys    keyReader
	flat    sync.Map // topic → whether its values are plain rows
	noted   atomic.Pointer[noted]

	jsonReader jsonReader
}

type cached struct {
	id         registry.ID
	writer     *writer
	unreadable string // why the schema cannot be used
}

// maxWriters bounds the schemas held ready. When a topic has more, all are compiled again as they come.
const maxWriters = 1000

// NewDecoder makes a sync's decoder. A nil m counts nothing.
func NewDecoder(cfg Config, wanted Wanted, schemas Schemas, m *Metrics) (*Decoder, error) {
	cfg = cfg.withLog()
	d := &Decoder{cfg: cfg, schemas: schemas, metrics: m, usualFrames: cfg.Framing.expectsUsual(),
		compiler: &compiler{cfg: cfg, wanted: wanted, dialect: avro.NewDialect(cfg.UnavailablePlaceholder)}}
	d.keys.decoder, d.jsonReader.compiler = d, d.compiler
	return d, nil
}

// Decode reads a record into a change, which then aliases the record's bytes until it is used again. The error is a
// *pipeline.Rejection (the record cannot be read), a pipeline.SkipReason (it is not a row change), or a *pipeline.Trouble
// (the registry is away; a mapped column is gone): the record has to be decoded again later.
func (d *Decoder) Decode(ctx context.Context, r *pipeline.Record, into *pipeline.Change) error {
	into.Reset()
	into.Key = d.cfg.Framing.Identity(r)
	if r.Value == nil {
		return d.tombstone(ctx, r, into)
	}
	if int64(len(r.Value)) > int64(d.cfg.Limits.MaxBytes) {
		return pipeline.Reject(pipeline.StageDecode, pipeline.TooLarge, "", "at most limits.max_bytes, "+d.cfg.Limits.MaxBytes.String())
	}
	if id, body, ok := usualFrame(r); ok && d.usualFrames {
		return d.avro(ctx, r, id, body, into)
	}
	id, body, err := readFrame(d.cfg.Framing, r, false)
	if err != nil {
		return err
	}
	if id.Kind == registry.NoSchema {
		return d.json(ctx, r, body, into)
	}
	return d.avro(ctx, r, id, body, into)
}

func (d *Decoder) avro(ctx context.Context, r *pipeline.Record, id registry.ID, body []byte, into *pipeline.Change) error {
	w, err := d.writer(ctx, id)
	if err != nil {
		into.SchemaID = id.String() // for the dead letter
		return err
	}
	into.SchemaID = w.id
	if w.isJSON {
		return d.registered(ctx, r, w, body, into)
	}
	var read reading
	err = w.read(body, r.Offset%checkEvery == 0, &read, into)
	if differ, ok := errors.AsType[*disagreement](err); ok {
		d.disagree(w, r)
		into.Key, into.SchemaID = d.cfg.Framing.Identity(r), w.id
		err = differ.result
	}
	if err != nil {
		return refusal(err, w.id, body)
	}
	return d.finish(ctx, r, w, &read, into)
}

// writer finds or makes the compiled form of a schema. The registry holds schemas for ever; so do we, within bounds.
func (d *Decoder) writer(ctx context.Context, id registry.ID) (*writer, error) {
	c := d.last.Load()
	if c == nil || c.id != id {
		var err error
		if c, err = d.find(ctx, id); err != nil {
			return nil, err
		}
		d.last.Store(c)
	}
	if c.writer == nil {
		r := pipeline.Reject(pipeline.StageDecode, pipeline.SchemaUnreadable, "", "schema "+id.String())
		r.Detail = c.unreadable
		return nil, r
	}
	return c.writer, nil
}

func (d *Decoder) find(ctx context.Context, id registry.ID) (*cached, error) {
	if c, ok := d.writers.Load(id); ok {
		return c.(*cached), nil
	}
	src, err := d.schemas.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	c := &cached{id: id}
	if c.writer, err = d.compiler.writer(src); err != nil {
		c.writer, c.unreadable = nil, err.Error()
		d.cfg.Log.Warn("schema cannot be used: its records are rejected", "schema", id.String(), "error", err)
	} else {
		c.writer.id = id.String()
		d.tellNulls(c.writer)
	}
	if d.count.Add(1) > maxWriters {
		d.writers.Clear()
		d.keys.plans.Clear()
		d.count.Store(1)
	}
	kept, _ := d.writers.LoadOrStore(id, c)
	return kept.(*cached), nil
}

// tellNulls logs, once per schema, which columns it takes for NULL: where identifiers are gone from a table, its people leave an audience.
func (d *Decoder) tellNulls(w *writer) {
	for _, p := range w.programs {
		if len(p.nulls) > 0 {
			d.cfg.Log.Warn("the schema lacks columns that the sync reads, and they are taken for NULL, as missing_column says: correct the mapping if they were renamed or dropped",
				"schema", w.id, "record", p.record.Name, "columns", p.nulls)
		}
	}
}

// disagree reports, once per schema, that goavro reads it from now on.
func (d *Decoder) disagree(w *writer, r *pipeline.Record) {
	if d.metrics != nil {
		d.metrics.fallbacks.WithLabelValues("mismatch").Inc()
	}
	d.cfg.Log.Error("plan and goavro read a record differently: goavro reads this schema from now on; please report it",
		slog.String("schema", w.id), slog.String("record", r.Position()))
}

// refusal makes a rejection of what a decoder says.
func refusal(err error, schema string, body []byte) error {
	r := pipeline.Reject(pipeline.StageDecode, pipeline.AvroDecode, "", err.Error())
	if f, ok := errors.AsType[*avro.FieldError](err); ok {
		r.Field, r.Rule = "column "+strings.Trim(avro.Short(f.Field), `"`), f.Err.Error()
	}
	switch {
	case isLimit(err):
		r.Reason = pipeline.TooLarge
	case len(body) > 0 && body[0] == '{' && json.Valid(body):
		r.Reason, r.Field, r.Rule = pipeline.UnsupportedFraming, "", avroInJSON
	case errors.Is(err, errTrailing):
		r.Reason, r.Rule = pipeline.TrailingBytes, ""
	}
	r.Detail = "schema " + schema
	return r
}

// Schemas gives writer schemas by their id. An error is a *pipeline.Rejection (the registry does not know the id, or the
// schema is too large) or a *pipeline.Trouble (the registry is away).
type Schemas interface {
	Schema(ctx context.Context, id registry.ID) (*avro.Source, error)
}
