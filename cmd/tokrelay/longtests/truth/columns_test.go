//go:build synctests

package truth

import (
	"reflect"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/schemas"
)

// form is how a source whose updates hold the changed columns alone says that a column did not change, and that it is NULL now.
type form struct {
	connector string
	schema    int
	suffix    string // of a column where the sync reads it
	old       bool   // the old row holds the changed columns too, so that one of them may be NULL now
}

var (
	nulls  = form{connector: "vitess", schema: changedID}             // NULL did not change: nothing can be set to NULL
	pairs  = form{connector: "spanner", schema: changedID, old: true} // NULL did not change unless the old row has a value
	celled = form{connector: "scylla", schema: cellsID, suffix: ".value"}
)

// someForm is one that the style goes with: full old rows have no use for pairs.
func (w *world) someForm() form {
	forms := []form{nulls, celled, pairs}
	if w.isFull() {
		forms = forms[:2]
	}
	return forms[w.rand.IntN(len(forms))]
}

// canSetNull reports whether a row's column can become NULL in a way that its reader notices.
func (w *world) canSetNull() bool { return !w.has[changedColumns] || w.form != nulls }

// noticed are a version's columns, where a NULL that no one would notice is an empty text.
func (w *world) noticed(before, after row) row {
	if w.canSetNull() {
		return after
	}
	for _, c := range []struct{ was, is *cell }{{&before.email, &after.email}, {&before.phone, &after.phone}} {
		if c.was.text != nil && c.is.text == nil {
			*c.is = cell{text: text("")}
		}
	}
	return after
}

// putChanged writes a version as a source does that writes changed columns: one that is new is whole.
func (w *world) putChanged(t *table, id int64, op string, before, after row) {
	now, was := columns(id, after), columns(id, before)
	if op != "u" {
		w.write(t, id, w.writer.changed(w.form, op, nil, w.form.image(now, nil)))
		return
	}
	var old avro
	switch {
	case w.isFull():
		old = w.form.image(was, nil)
	case w.form.old:
		old = w.form.image(was, now)
	}
	w.write(t, id, w.writer.changed(w.form, op, old, w.form.image(now, was)))
}

// image is a row; with another, the columns in which they differ and the key.
func (f form) image(row, than avro) avro {
	image := avro{"id": row["id"]}
	for name, value := range row {
		switch {
		case name == "id":
		case than != nil && reflect.DeepEqual(value, than[name]), than == nil && value == nil:
			image[name] = nil
		case f.schema == cellsID:
			image[name] = avro{customersID + "." + name + "_cell": avro{"value": nullable(value)}}
		default:
			image[name] = nullable(value)
		}
	}
	return image
}

// nullable is a value as goavro wants it where it may be NULL.
func nullable(value any) any {
	switch v := value.(type) {
	case bool:
		return avro{"boolean": v}
	case string:
		return avro{"string": v}
	}
	return value
}

// changed is an envelope of such a source.
func (w *writer) changed(f form, op string, before, after avro) []byte {
	codec := w.sparse
	if f.schema == cellsID {
		codec = w.cells
	}
	return virtual.Must(codec.BinaryFromNative(virtual.Frame(f.schema), envelope(f.connector, op, before, after)))
}

// sparseSchema is the envelope with rows whose columns, the key apart, may be NULL: each its value, or a cell that holds it.
func sparseSchema(t *testing.T, asCells bool) string {
	return edited(t, schemas.Demo("customers", "value"), func(s avro) avro {
		value := s["fields"].([]any)[0].(avro)["type"].([]any)[1].(avro)
		for _, field := range value["fields"].([]any)[1:] {
			f := field.(avro)
			kind := typeOf(f["type"])
			f["type"], f["default"] = []any{"null", kind}, nil
			if asCells {
				f["type"] = []any{"null", avro{"type": "record", "name": f["name"].(string) + "_cell", "fields": []any{
					avro{"name": "value", "type": []any{"null", kind}, "default": nil}}}}
			}
		}
		return s
	})
}

// typeOf is the type of a column's values.
func typeOf(of any) any {
	if union, is := of.([]any); is {
		return union[1]
	}
	return of.(avro)["type"]
}
