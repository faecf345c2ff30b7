package find

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Compared is a mapped field: as the row has it, and as it is sent. Values that may say something of a person are shapes (Xxx+9@xxx.xx), and
// hashes as they are sent.
type Compared struct {
	Field string `json:"field"`
	From  string `json:"from"` // where its value comes from
	Row   string `json:"row,omitempty"`
	Sent  string `json:"sent,omitempty"`
	Mark  Mark   `json:"mark,omitempty"`
}

// Mark is how what is sent differs from the row.
type Mark string

// The marks; "" where both are the same.
const (
	Refused  Mark = "refused"
	Hashed   Mark = "hashed"
	Changed  Mark = "changed"
	LeftOut  Mark = "left out"
	NotInRow Mark = "not in the row"
)

// Compare puts what is sent of a row next to it. The row is in clear and does not leave the function; item is nil where nothing is sent, refused the
// field because of which.
func Compare(s *daemon.Sync, row *deadletter.Row, item json.RawMessage, refused string) (list []Compared) {
	if row == nil || row.Problem != "" {
		return nil
	}
	image := row.After
	if len(image) == 0 {
		image = row.Before
	}
	c := comparison{columns: map[string]deadletter.Column{}, private: private(s), members: s.ProductMembers(), sent: leaves(item)}
	for _, column := range image {
		c.columns[column.Name] = column
	}
	mapped := s.Origins()
	line := strings.Split(c.sent["line"], ",") // of a file: its types in the order in which they are mapped
	for i, m := range mapped {
		if i < len(line) && line[i] != "" {
			c.sent[m.Field] = line[i]
		}
	}
	if o, ok := s.OriginOf(refused); ok && !slices.ContainsFunc(mapped, func(m events.Mapped) bool { return m.Field == refused }) {
		mapped = append(mapped, events.Mapped{Field: refused, Origin: o})
	}
	for _, m := range mapped {
		if one, ok := c.compare(m, refused, len(item) > 0); ok {
			list = append(list, one)
		}
	}
	i := slices.IndexFunc(list, func(one Compared) bool { return one.Mark == Refused })
	if i > 0 { // it comes first
		list = slices.Insert(slices.Delete(slices.Clone(list), i, i+1), 0, list[i])
	}
	return list
}

// private are the columns that may identify a person, wherever else they are mapped.
func private(s *daemon.Sync) map[string]bool {
	columns := map[string]bool{}
	for _, m := range s.Origins() {
		if events.PlainOf(m.Field) == events.Personal && m.Field != "event_id" && m.Field != "member_when" {
			for _, column := range m.Origin.Columns {
				columns[column] = true
			}
		}
	}
	return columns
}

type comparison struct {
	columns map[string]deadletter.Column
	private map[string]bool   // columns that may identify a person
	members map[string]bool   // of products
	sent    map[string]string // by field
	clear   identity.Redactor
}

func (c *comparison) compare(m events.Mapped, refused string, isSent bool) (Compared, bool) {
	one := Compared{Field: m.Field, From: m.Origin.Words}
	var values, shown []string
	for _, name := range m.Origin.Columns {
		if column, ok := c.columns[name]; ok {
			values, shown = append(values, column.Value), append(shown, c.show(m.Field, column))
		}
	}
	one.Row = strings.Join(shown, ", ")
	sent, there := c.sent[m.Field]
	one.Sent = sent
	isNull := !slices.ContainsFunc(values, func(v string) bool { return v != "NULL" && strings.TrimSpace(v) != "" })
	switch {
	case m.Field == refused:
		one.Mark = Refused
	case !isSent || m.Field == "member_when" || len(m.Origin.Columns) == 0:
	case there && slices.Contains(values, sent):
	case there && isHash(sent):
		one.Mark = Hashed
	case there && isNull:
		one.Mark = NotInRow
	case there && sent != calls.Masked:
		one.Mark = Changed
	case !there && !isNull && sentAsField(m.Field):
		one.Mark = LeftOut
	}
	return one, one.Row != "" || there || one.Mark == Refused
}

// sentAsField reports whether a mapped field has its own place in what is sent.
func sentAsField(field string) bool {
	switch field {
	case "cookies", "event_source", "pixel_code", "event_source_id", "test_event_code":
		return false
	}
	return true
}

func isHash(text string) bool {
	first, _, _ := strings.Cut(text, ", ")
	return isDigest.MatchString(first)
}

// show is a column's value where it plainly is what the field holds, and that says nothing of a person; else its shape.
func (c *comparison) show(field string, column deadletter.Column) string {
	value := column.Value
	if value == "" || value == "NULL" || column.Kind == "bool" {
		return value
	}
	as := events.PlainOf(field)
	if as == events.Products {
		value = c.productsOnly(value)
	}
	if _, found := c.clear.Text([]byte(value)); found || c.private[column.Name] || !isPlain(as, value) {
		return deadletter.Mask(value)
	}
	return value
}

// productsOnly leaves of a list of products what is sent of them in clear: other members may be anything.
func (c *comparison) productsOnly(value string) string {
	var any any
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.UseNumber()
	if value == "" || value[0] != '[' && value[0] != '{' || decoder.Decode(&any) != nil {
		return value
	}
	text, _ := json.Marshal(c.only(any)) // it was decoded from JSON
	return string(text)
}

func (c *comparison) only(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = c.only(value[i])
		}
	case map[string]any:
		for name, inner := range value {
			if _, isScalar := inner.(json.Number); !c.members[name] || !isScalar && !isText(inner) {
				delete(value, name)
			}
		}
	}
	return value
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// isDate is a time that begins with a day.
var isDate = regexp.MustCompile(`^\s*(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})(?:\D|$)`)

// isPlain reports whether a value can be what it is mapped as: a mapping that is wrong must not show a name or a number.
func isPlain(as events.Plain, value string) bool {
	letters := 0
	for _, r := range value {
		if r >= 0x80 || r|0x20 >= 'a' && r|0x20 <= 'z' {
			letters++
		}
	}
	_, err := strconv.ParseFloat(value, 64)
	isNumber := err == nil && (len(value) < 2 || value[0] != '0' || value[1] == '.')
	switch as {
	case events.Name:
		return len(value) <= 50
	case events.Moment:
		return letters <= 5 && len(value) <= 40 && (isNumber || !phoneLike(value) || isDate.MatchString(value))
	case events.Number:
		return letters <= 5 && len(value) <= 24 && (isNumber || !phoneLike(value))
	case events.Word:
		return letters <= 8 && len(value) <= 16 && (isNumber || !phoneLike(value))
	case events.Products:
		return len(value) <= 1000 && (value[0] == '[' || value[0] == '{') || len(value) <= 40 && !strings.Contains(value, " ") && !phoneLike(value)
	}
	return false
}

// leaves are the fields of an item as it is sent, by the names that the configuration has for them. What TikTok takes in clear of a person is
// masked.
func leaves(item json.RawMessage) map[string]string {
	all := map[string]string{}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(calls.Mask(item)))
	decoder.UseNumber()
	if len(item) == 0 || decoder.Decode(&object) != nil {
		return all
	}
	flatten(all, "", object)
	return all
}

func flatten(all map[string]string, path string, object map[string]any) {
	for name, value := range object {
		at := strings.TrimPrefix(path+"."+name, ".")
		if inner, ok := value.(map[string]any); ok {
			flatten(all, at, inner)
			continue
		}
		text := textOf(value)
		if kind, ok := strings.CutPrefix(at, "ids."); ok {
			all["identifiers."+kind], all["identifier."+kind] = text, text
		}
		all[at] = text
	}
}

func textOf(value any) string {
	list, isList := value.([]any)
	if !isList {
		if text, ok := value.(string); ok {
			return text
		}
		text, _ := json.Marshal(value) // it was decoded from JSON
		return string(text)
	}
	var texts []string
	for _, v := range list {
		if _, isObject := v.(map[string]any); isObject {
			text, _ := json.Marshal(list)
			return string(text)
		}
		texts = append(texts, textOf(v))
	}
	return strings.Join(texts, ", ")
}
