package cdc

import (
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// inferredJSON is the program for rows of certain members.
type inferredJSON struct {
	names    []string
	envelope bool
	opless   bool
	writer   *writer
}

// byMembers finds or compiles the program for rows with the members of these.
func (j *jsonReader) byMembers(doc *jsontext.Doc, payload int32, envelope bool) (*writer, error) {
	objects, err := rowObjects(doc, payload, envelope)
	if err != nil {
		return nil, err
	}
	_, op := doc.Member(payload, "op")
	opless := envelope && !op
	if c := j.inferred.Load(); c != nil && c.envelope == envelope && c.opless == opless && c.fits(doc, objects) {
		return c.writer, nil
	}
	row := &avro.Type{Kind: avro.KindRecord}
	for _, o := range objects {
		addMembers(row, doc, o)
	}
	if len(row.Fields) > maxMembers {
		return nil, pipeline.Reject(pipeline.StageDecode, pipeline.TooLarge, "", "at most "+strconv.Itoa(maxMembers)+" members in a row")
	}
	c := &inferredJSON{envelope: envelope, opless: opless}
	for _, f := range row.Fields {
		c.names = append(c.names, f.Name)
	}
	p, err := j.compiler.forJSON().inferred(row, envelope)
	if err != nil {
		return nil, err
	}
	if p.opless = opless; len(objects) == 0 {
		p.missing = nil // without a row nothing can be said of its columns
	}
	c.writer = &writer{programs: []*program{p}}
	j.inferred.Store(c)
	return c.writer, nil
}

// maxMembers bounds the columns of rows without a schema: a plan is compiled for every new set of them.
const maxMembers = 10_000

// rowObjects are the objects that are rows: the images of an envelope, the new one first, or the payload itself.
func rowObjects(doc *jsontext.Doc, payload int32, envelope bool) ([]int32, error) {
	if !envelope {
		return []int32{payload}, nil
	}
	var rows []int32
	for _, name := range []string{"after", "before"} {
		i, ok := doc.Member(payload, name)
		switch {
		case !ok || doc.Nodes[i].Kind == jsontext.Null:
		case doc.Nodes[i].Kind == jsontext.Object:
			rows = append(rows, i)
		default:
			return nil, pipeline.Reject(pipeline.StageDecode, pipeline.NotAChange, name, "must be a row (a MongoDB document is not one)")
		}
	}
	return rows, nil
}

// fits reports whether the first object has just the members of the program, in order, and the others have no more.
func (c *inferredJSON) fits(doc *jsontext.Doc, objects []int32) bool {
	for n, o := range objects {
		i := 0
		for k := o + 1; k < doc.Nodes[o].Next; k = doc.Nodes[k+1].Next {
			if i >= len(c.names) || c.names[i] != string(doc.Str(k)) {
				return false
			}
			i++
		}
		if n == 0 && i != len(c.names) {
			return false
		}
	}
	return len(objects) > 0 || len(c.names) == 0
}

// addMembers makes fields of an object's members.
func addMembers(t *avro.Type, doc *jsontext.Doc, object int32) {
	for k := object + 1; k < doc.Nodes[object].Next; k = doc.Nodes[k+1].Next {
		t.AddField(string(doc.Str(k)), anyType)
	}
}

// anyType is the type of a JSON value without a description.
var anyType = &avro.Type{Kind: avro.KindAny}

// inferred compiles the program for rows without a schema.
func (k *compiler) inferred(row *avro.Type, envelope bool) (*program, error) {
	p := &program{record: row, form: formFlat}
	if !envelope {
		return p, k.flat(p)
	}
	p.form = formEnvelope
	pl := avro.NewPlanner(k.dialect, avro.Matcher{Fold: k.cfg.CaseInsensitive})
	pl.NoLeaves = true
	wants := k.imageWants(p, row, pl)
	plan, _, err := pl.Row(row, wants)
	p.before, p.after, p.size = plan, plan, int(pl.Hidden)
	return p, err
}
