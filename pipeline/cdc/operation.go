package cdc

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Operation names the column that says what happened to a plain row, and what its values mean. Without lists, the usual
// words are understood: insert, update, delete, their first letters, Debezium's letters, update_preimage and so on.
type Operation struct {
	Column     string `yaml:"column" doc:"the column, _change_type say"`
	Insert     []Word `yaml:"insert" doc:"values that mean a new row"`
	Snapshot   []Word `yaml:"snapshot" doc:"values that mean a row read while copying the table"`
	Update     []Word `yaml:"update" doc:"values that mean a changed row"`
	Delete     []Word `yaml:"delete" doc:"values that mean a deleted row"`
	Ignore     []Word `yaml:"ignore" doc:"values that mean a row to leave alone, the image before an update say"`
	UpdateFlag string `yaml:"update_flag" doc:"a column that, when true, makes an insert an update and a delete the image before it (Snowflake: METADATA$ISUPDATE)"`
}

// DeletedWhen names the column that marks a deleted row.
type DeletedWhen struct {
	Column string   `yaml:"column" doc:"the column, _fivetran_deleted say"`
	Is     Nullness `yaml:"is" doc:"null or not_null: deleted when the column is (not) NULL"`
	Equals Word     `yaml:"equals" doc:"deleted when the column has this value, whatever its case"`
}

// Nullness is what a column has to be.
type Nullness string

const (
	isNull    Nullness = "null"
	isNotNull Nullness = "not_null"
)

// DecodeNode takes YAML's own null as the word.
func (n *Nullness) DecodeNode(node *settings.Node, at settings.Place) {
	switch word := Nullness(node.Text()); {
	case node.Kind() == settings.Null:
		*n = isNull
	case word == isNull, word == isNotNull:
		*n = word
	default:
		at.Problem("must be null or not_null", "")
	}
}

// JSONSchema describes the setting for editors.
func (Nullness) JSONSchema() map[string]any {
	return map[string]any{"enum": []any{"null", "not_null", nil}}
}

// Word is a scalar compared as text: true, 1 and c alike.
type Word string

// DecodeNode takes any scalar.
func (w *Word) DecodeNode(n *settings.Node, at settings.Place) {
	switch n.Kind() {
	case settings.List, settings.Map, settings.Null:
		at.Problem("must be a single value", "")
	default:
		*w = Word(n.Text())
	}
}

// JSONSchema describes the setting for editors.
func (Word) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "boolean", "number"}}
}

func (o *Operation) validate(at settings.Place) {
	if o == nil {
		return
	}
	if o.Column == "" {
		at.Key("column").Problem("required", "the column that says what happened to the row")
	}
	seen := map[Word]bool{}
	for _, list := range []struct {
		key   string
		words []Word
	}{{"insert", o.Insert}, {"snapshot", o.Snapshot}, {"update", o.Update}, {"delete", o.Delete}, {"ignore", o.Ignore}} {
		for i, w := range list.words {
			if seen[w] {
				at.Key(list.key).Index(i).Problem("must stand in one list only", "")
			}
			seen[w] = true
		}
	}
}

func (d *DeletedWhen) validate(at settings.Place) {
	switch {
	case d == nil:
	case d.Column == "":
		at.Key("column").Problem("required", "the column that marks a deleted row")
	case (d.Is == "") == (d.Equals == ""):
		at.Problem("needs is or equals, one of them", "is: not_null, or equals: true")
	}
}

// verb is what an operation column says.
type verb uint8

const (
	verbUnknown verb = iota
	verbInsert
	verbSnapshot
	verbUpdate
	verbDelete
	verbIgnore
)

// usual are the words understood where the configuration lists none.
var usual = []struct {
	verb  verb
	words []string
}{
	{verbInsert, []string{"insert", "i", "c", "create", "created", "append", "upsert", "insert_or_update", "+i"}},
	{verbSnapshot, []string{"r", "read", "snapshot", "refresh"}},
	{verbUpdate, []string{"update", "u", "updated", "update_postimage", "update_after", "+u"}},
	{verbDelete, []string{"delete", "d", "deleted", "remove", "-d"}},
	{verbIgnore, []string{"update_preimage", "update_before", "-u"}},
}

// verb reads the value of the operation column.
func (o *Operation) verb(text []byte) verb {
	if o.listed() {
		return o.listedVerb(string(text))
	}
	for _, u := range usual {
		if slices.ContainsFunc(u.words, func(w string) bool { return bytes.EqualFold(text, []byte(w)) }) {
			return u.verb
		}
	}
	return verbUnknown
}

func (o *Operation) listed() bool {
	return len(o.Insert)+len(o.Snapshot)+len(o.Update)+len(o.Delete)+len(o.Ignore) > 0
}

func (o *Operation) listedVerb(text string) verb {
	switch w := Word(text); {
	case slices.Contains(o.Insert, w):
		return verbInsert
	case slices.Contains(o.Snapshot, w):
		return verbSnapshot
	case slices.Contains(o.Update, w):
		return verbUpdate
	case slices.Contains(o.Delete, w):
		return verbDelete
	case slices.Contains(o.Ignore, w):
		return verbIgnore
	}
	return verbUnknown
}

// marks tells whether the value marks a deleted row.
func (d *DeletedWhen) marks(v pipeline.Value) bool {
	switch d.Is {
	case isNotNull:
		return !v.IsNull()
	case isNull:
		return v.IsNull()
	}
	want, err := strconv.ParseBool(strings.ToLower(string(d.Equals)))
	switch {
	case v.Kind() == pipeline.Bool:
		return err == nil && want == v.Bool()
	case err == nil && v.Kind() == pipeline.Int: // MySQL's booleans are 0 and 1
		return want && v.Int() == 1 || !want && v.Int() == 0
	}
	return !v.IsNull() && strings.EqualFold(v.Text(), string(d.Equals))
}

// truth reads a flag: a boolean, 0 or 1, or a word for it.
func truth(v pipeline.Value) bool {
	switch v.Kind() {
	case pipeline.Bool, pipeline.Int:
		return v.Int() != 0
	case pipeline.String:
		b := v.Bytes()
		return bytes.EqualFold(b, []byte("true")) || string(b) == "1" || bytes.EqualFold(b, []byte("t"))
	}
	return false
}
