package mapping

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Read is what a condition reads of a row, for people: the column, and its value in words that tell nothing of a person.
type Read struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// shownDigits is the greatest number that is shown: larger ones may be a phone's or a customer's.
const shownDigits = 9999

// quotedText is a text in a condition.
var quotedText = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// Reads are the columns that the condition reads of the row, each once.
func (c *Condition) Reads(r *Row) (list []Read) {
	texts := map[string]bool{}
	for _, quoted := range quotedText.FindAllString(c.text, -1) {
		texts[quoted[1:len(quoted)-1]] = true
	}
	for _, s := range c.expr.slots {
		name := map[source]string{current: "", after: "after.", before: "before."}
		prefix, isColumn := name[s.from]
		if !isColumn {
			continue
		}
		v, err := s.read(r)
		list = append(list, Read{prefix + c.columns[s.column], shown(v, err, texts)})
	}
	return list
}

// shown is a value in words: true and false, small numbers, and texts that the condition itself names, as they are.
func shown(v any, err error, texts map[string]bool) string {
	if err != nil {
		return "not in the record"
	}
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		return strconv.FormatBool(v)
	case int:
		if -shownDigits <= v && v <= shownDigits {
			return strconv.Itoa(v)
		}
		return "a number"
	case float64:
		if -shownDigits <= v && v <= shownDigits {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return "a number"
	case string:
		if texts[v] {
			return strconv.Quote(v)
		}
		return fmt.Sprintf("a text of %d letters that the condition does not name", len([]rune(v)))
	}
	return "a value"
}

// Reads are what `when` reads of a row.
func (g *Gate) Reads(c *pipeline.Change) []Read {
	if g.when == nil {
		return nil
	}
	g.row.Begin(c)
	return g.when.Reads(g.row)
}
