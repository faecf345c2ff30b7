package cdc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// jsonReader reads rows and changes written as JSON: by Connect's JsonConverter, with its schema next to the payload or
// without, and by people for preview. Where no schema says what a column is, a row's members are its columns, and what
// their values look like is what they are.
type jsonReader struct {
	compiler *compiler
	docs     sync.Pool

	described atomic.Pointer[describedJSON] // the program of the last schema
	inferred  atomic.Pointer[inferredJSON]  // the program of the last set of members
}

// describedJSON is the program for rows with a schema next to them, which is the same text again and again.
type describedJSON struct {
	schema []byte
	writer *writer
}

func (j *jsonReader) doc() *jsontext.Doc {
	if d, ok := j.docs.Get().(*jsontext.Doc); ok {
		return d
	}
	return &jsontext.Doc{}
}

func rejectJSON(rule string) error {
	return pipeline.Reject(pipeline.StageDecode, pipeline.JSONDecode, "", rule)
}

func (j *jsonReader) parse(doc *jsontext.Doc, text []byte) error {
	limits := j.compiler.cfg.Limits
	err := doc.Parse(text, jsontext.Limits{Depth: limits.MaxDepth + 16, Nodes: 2 * limits.MaxValues})
	switch {
	case errors.Is(err, jsontext.ErrDepth), errors.Is(err, jsontext.ErrNodes), errors.Is(err, jsontext.ErrTooLong):
		return pipeline.Reject(pipeline.StageDecode, pipeline.TooLarge, "", err.Error())
	case err != nil:
		return rejectJSON(err.Error())
	}
	return nil
}

// json decodes a record whose value is JSON.
func (d *Decoder) json(ctx context.Context, r *pipeline.Record, body []byte, into *pipeline.Change) error {
	return d.jsonText(ctx, r, body, false, into)
}

// jsonText decodes JSON. A string may hold the JSON of the row, once: a converter writes the text payloads of outboxes so.
// within is true for such a string.
func (d *Decoder) jsonText(ctx context.Context, r *pipeline.Record, text []byte, within bool, into *pipeline.Change) error {
	doc := d.jsonReader.doc()
	defer d.jsonReader.docs.Put(doc)
	if err := d.jsonReader.parse(doc, text); err != nil {
		return notJSON(err, within)
	}
	schema, payload, wrapped := unwrapJSON(doc)
	switch kind := doc.Nodes[payload].Kind; {
	case kind == jsontext.Null:
		return d.tombstone(ctx, r, into)
	case kind == jsontext.String && !within:
		return d.jsonText(ctx, r, doc.Str(payload), true, into)
	case kind != jsontext.Object:
		return notAnObject()
	}
	var w *writer
	var err error
	if wrapped {
		w, err = d.jsonReader.bySchema(doc, schema)
	} else {
		w, err = d.undescribed(doc, r.Topic)
	}
	if err != nil {
		return err
	}
	return d.jsonRow(ctx, r, w, doc, payload, into)
}

func notAnObject() error {
	return pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "", "must be a JSON object, or text that holds one")
}

// notJSON makes of plain text within a value what it is: another thing than a row.
func notJSON(err error, within bool) error {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok && within && r.Reason == pipeline.JSONDecode {
		return notAnObject()
	}
	return err
}

func (d *Decoder) jsonRow(ctx context.Context, r *pipeline.Record, w *writer, doc *jsontext.Doc, payload int32, into *pipeline.Change) error {
	var read reading
	w.json(doc, payload, &read, into)
	return d.finish(ctx, r, w, &read, into)
}

// undescribed is the program of a document without a schema, or why it has none.
func (d *Decoder) undescribed(doc *jsontext.Doc, topic string) (*writer, error) {
	if skip := specialJSON(doc, topic); skip != "" {
		return nil, skip
	}
	if len(d.cfg.Records) > 0 {
		return nil, pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "", untyped)
	}
	return d.jsonReader.asRow(doc)
}

const untyped = "`records` picks by the name of the record type, and JSON without a schema has none; take `records` out, or have the producer write the schema"

// asRow finds or compiles the program of a document by its members: an envelope or a row, as the configuration says.
func (j *jsonReader) asRow(doc *jsontext.Doc) (*writer, error) {
	switch j.compiler.cfg.Format {
	case formatFlat:
		return j.byMembers(doc, 0, false)
	case formatDebezium:
		if isResolvedJSON(doc) {
			return nil, pipeline.SkipHeartbeat
		}
		if !hasImage(doc, 0) {
			return nil, pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, "", notAnEnvelope)
		}
		return j.byMembers(doc, 0, true)
	}
	return j.byMembers(doc, 0, isJSONEnvelope(doc, 0))
}

// unwrapJSON finds the schema and payload of Connect's wrapper, which holds nothing else; without it, everything is the
// payload.
func unwrapJSON(doc *jsontext.Doc) (schema, payload int32, wrapped bool) {
	schema, hasSchema := doc.Member(0, "schema")
	payload, hasPayload := doc.Member(0, "payload")
	last := max(schema, payload)
	if !hasSchema || !hasPayload || min(schema, payload) != 2 || doc.Nodes[2].Next != last-1 || doc.Nodes[last].Next != doc.Nodes[0].Next {
		return 0, 0, false
	}
	return schema, payload, doc.Nodes[schema].Kind == jsontext.Object
}

// bySchema finds or compiles the program of the schema next to a payload.
func (j *jsonReader) bySchema(doc *jsontext.Doc, schema int32) (*writer, error) {
	text := doc.Raw(schema)
	if c := j.described.Load(); c != nil && bytes.Equal(c.schema, text) {
		return c.writer, nil
	}
	t, err := avro.ConnectType(doc, schema, 0)
	if err == nil {
		t, _, _ = t.Nullable()
		var p *program
		if p, err = j.compiler.forJSON().program(t); err == nil {
			c := &describedJSON{bytes.Clone(text), &writer{programs: []*program{p}}}
			j.described.Store(c)
			return c.writer, nil
		}
	}
	r := pipeline.Reject(pipeline.StageDecode, pipeline.SchemaUnreadable, "", "must be Connect's schema")
	r.Detail = err.Error()
	return nil, r
}

// forJSON is a compiler of plans that need no goavro.
func (k *compiler) forJSON() *compiler {
	json := *k
	json.noLeaves = true
	return &json
}

// isJSONEnvelope recognises Debezium's envelope where no schema names it.
func isJSONEnvelope(doc *jsontext.Doc, object int32) bool {
	op, hasOp := doc.Member(object, "op")
	source, hasSource := doc.Member(object, "source")
	return hasOp && hasSource && hasImage(doc, object) && doc.Nodes[op].Kind == jsontext.String && doc.Nodes[source].Kind == jsontext.Object
}

func hasImage(doc *jsontext.Doc, object int32) bool {
	_, before := doc.Member(object, "before")
	_, after := doc.Member(object, "after")
	return before || after
}

// isResolvedJSON recognises CockroachDB's marks of time.
func isResolvedJSON(doc *jsontext.Doc) bool {
	v, ok := doc.Member(0, "resolved")
	return ok && v == 2 && doc.Nodes[v].Next == doc.Nodes[0].Next
}

// specialJSON recognises Debezium's own records, and the control records of AWS DMS, where no schema names them.
func specialJSON(doc *jsontext.Doc, topic string) pipeline.SkipReason {
	has := func(name string) bool {
		_, ok := doc.Member(0, name)
		return ok
	}
	switch {
	case isSpecialTopic(topic):
		return pipeline.SkipHeartbeat
	case strings.HasSuffix(topic, ".transaction") && has("status") && has("event_count"):
		return pipeline.SkipTransaction
	case has("ddl") && has("tableChanges") && has("source"):
		return pipeline.SkipSchemaChange
	case isControl(doc):
		return pipeline.SkipSchemaChange
	case doc.Text(0, "op") == "m" && has("message") && has("source"):
		return pipeline.SkipMessage
	}
	return ""
}

// isControl recognises what AWS DMS writes when it creates or changes a table: there is no row in it.
func isControl(doc *jsontext.Doc) bool {
	metadata, ok := doc.Member(0, "metadata")
	return ok && doc.Text(metadata, "record-type") == "control"
}

// json fills a change's images from a payload.
func (w *writer) json(doc *jsontext.Doc, payload int32, into *reading, c *pipeline.Change) {
	into.program = w.programs[0]
	p := into.program
	switch p.form {
	case formFlat:
		c.After.Present = true
		p.row.FromJSON(doc, payload, p.room(&c.After))
	case formEnvelope:
		p.imageFromJSON(doc, payload, "before", p.before, &c.Before)
		p.imageFromJSON(doc, payload, "after", p.after, &c.After)
		into.op = []byte(doc.Text(payload, "op"))
		if source, ok := doc.Member(payload, "source"); ok && doc.Nodes[source].Kind == jsontext.Object {
			sourceFromJSON(doc, source, &into.source)
		}
	}
}

func (p *program) imageFromJSON(doc *jsontext.Doc, payload int32, name string, plan *avro.Plan, image *pipeline.Image) {
	i, ok := doc.Member(payload, name)
	if ok && plan != nil && doc.Nodes[i].Kind == jsontext.Object {
		image.Present = true
		plan.FromJSON(doc, i, p.room(image))
	}
}

// sourceFromJSON reads the source block, whose fields are the same with and without a schema.
func sourceFromJSON(doc *jsontext.Doc, source int32, into *[srcSlots]pipeline.Value) {
	names := &avro.Type{Kind: avro.KindRecord}
	addMembers(names, doc, source)
	for _, w := range sourceWants(names) {
		if i, ok := doc.Member(source, w.Name); ok {
			into[w.Slot] = rawJSONValue(doc, i)
		}
	}
}

func rawJSONValue(doc *jsontext.Doc, i int32) pipeline.Value {
	switch doc.Nodes[i].Kind {
	case jsontext.String:
		return pipeline.StringValue(doc.Str(i))
	case jsontext.Number:
		return avro.NumberValue(doc.Raw(i))
	case jsontext.True: // older connectors write the snapshot marker as a boolean
		return pipeline.StringValue([]byte("true"))
	}
	return pipeline.NullValue()
}
