package settings

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// yamlWriter prints trees of entries, lists and scalar text as YAML.
type yamlWriter struct{ bytes.Buffer }

// block prints entries or a list, one a line.
func (w *yamlWriter) block(tree any, indent int) {
	switch tree := tree.(type) {
	case entries:
		for i, e := range tree {
			if i > 0 {
				w.indent(indent)
			}
			w.WriteString(key(e.key) + ":")
			w.under(e.value, indent)
		}
	case []any:
		for i, value := range tree {
			if i > 0 {
				w.indent(indent)
			}
			w.WriteString("- ")
			w.block(value, indent+1)
		}
	case string:
		w.WriteString(tree + "\n")
	}
}

// under prints the value of a key: a scalar next to it, more on the next lines.
func (w *yamlWriter) under(value any, indent int) {
	if text, ok := value.(string); ok {
		w.WriteString(" " + text + "\n")
		return
	}
	w.WriteString("\n")
	w.indent(indent + 1)
	w.block(value, indent+1)
}

func (w *yamlWriter) indent(n int) { w.WriteString(strings.Repeat("  ", n)) }

// key quotes a key where needed. Keys are not expanded, so their dollar signs stay.
func key(s string) string {
	if plainWord(s) {
		return s
	}
	return inJSON(s)
}

// quoted writes text so that it is read back as the same text: dollar signs doubled, and in JSON's quotes, which are
// YAML's too, unless it is plainly a word.
func quoted(s string) string {
	if plainWord(s) {
		return s
	}
	return inJSON(strings.ReplaceAll(s, "$", "$$"))
}

func inJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

// plainWord: letters, digits and a few marks, starting with a letter, and no word of YAML's own.
func plainWord(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && !strings.Contains("0123456789_-./", s[i:i+1]) {
			return false
		}
	}
	lower := strings.ToLower(s)
	return !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, lower)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
