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
	Column     string `yaml:"column" doc:"the column, for example _change_type, or a path into one: metadata.operation"`
	Insert     []Word `yaml:"insert" doc:"values that mean a new row"`
	Snapshot   []Word `yaml:"snapshot" doc:"values that mean a row read while copying the table"`
	Update     []Word `yaml:"update" doc:"values that mean a changed row"`
	Delete     []Word `yaml:"delete" doc:"values that mean a deleted row"`
	Ignore     []Word `yaml:"ignore" doc:"values that mean a row to leave alone, for example the image before an update"`
	UpdateFlag string `yaml:"update_flag" doc:"a column that, when true, makes an insert an update and a delete the image before it (Snowflake: METADATA$ISUPDATE)"`
}

// DeletedWhen names the column that marks a deleted row.
type DeletedWhen struct {
	Column string   `yaml:"column" doc:"the column, for example _fivetran_deleted, or a path into one"`
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
	seen := map[string]string{}
	for _, list := range []struct {
		key   string
		words []Word
	}{{"insert", o.Insert}, {"snapshot", o.Snapshot}, {"update", o.Update}, {"delete", o.Delete}, {"ignore", o.Ignore}} {
		for i, w := range list.words {
			word := strings.ToLower(strings.TrimSpace(string(w)))
			if other, known := seen[word]; known && other != list.key {
				at.Key(list.key).Index(i).Problem("must be in one list only, and is in "+other+" too", "case and blanks around a word do not count")
			}
			seen[word] = list.key
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
	verbTruncate
	verbMessage
)

// usual are the words understood where the configuration lists none.
var usual = []struct {
	verb  verb
	words []string
}{
	{verbInsert, []string{"insert", "i", "c", "create", "created", "append", "upsert", "insert_or_update", "+i"}},
	{verbSnapshot, []string{"r", "read", "snapshot", "refresh", "load"}},
	{verbUpdate, []string{"update", "u", "updated", "update_postimage", "update_after", "+u"}},
	{verbDelete, []string{"delete", "d", "deleted", "remove", "-d"}},
	{verbIgnore, []string{"update_preimage", "update_before", "-u"}},
	{verbTruncate, []string{"truncate", "t"}},
	{verbMessage, []string{"m"}},
}

// verb reads the value of the operation column. Case does not count, nor do blanks around the word: a column of fixed width
// has them.
func (o *Operation) verb(text []byte) verb {
	text = bytes.TrimSpace(text)
	if o.listed() {
		return o.listedVerb(text)
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

// listedVerb looks into the configuration's lists. What they do not name is not known, but for the one word that no table
// uses for a row.
func (o *Operation) listedVerb(text []byte) verb {
	is := func(w Word) bool { return bytes.EqualFold(bytes.TrimSpace([]byte(w)), text) }
	switch {
	case slices.ContainsFunc(o.Insert, is):
		return verbInsert
	case slices.ContainsFunc(o.Snapshot, is):
		return verbSnapshot
	case slices.ContainsFunc(o.Update, is):
		return verbUpdate
	case slices.ContainsFunc(o.Delete, is):
		return verbDelete
	case slices.ContainsFunc(o.Ignore, is):
		return verbIgnore
	case is("truncate"):
		return verbTruncate
	}
	return verbUnknown
}

// marks reports whether the value marks a deleted row.
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
	return !v.IsNull() && strings.EqualFold(strings.TrimSpace(v.Text()), strings.TrimSpace(string(d.Equals)))
}

// truth reads a flag: a boolean, 0 or 1, or a word for it.
func truth(v pipeline.Value) bool {
	switch v.Kind() {
	case pipeline.Bool, pipeline.Int:
		return v.Int() != 0
	case pipeline.String:
		b := bytes.TrimSpace(v.Bytes())
		return bytes.EqualFold(b, []byte("true")) || string(b) == "1" || bytes.EqualFold(b, []byte("t"))
	}
	return false
}
