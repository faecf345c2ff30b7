package cdc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/linkedin/goavro/v2"
)

// maxBlock is the most items one block of an array or map may announce.
const maxBlock = 1 << 20

// guardGoavro sets goavro's own limit, which is a variable of its package: six hostile bytes would otherwise make it ask
// for 32 GiB, and the process die.
var guardGoavro = sync.OnceFunc(func() { goavro.MaxBlockCount = maxBlock })

// codecOf shows a type to goavro, which has the last word on whether it is Avro.
func codecOf(t *typ) (*goavro.Codec, error) {
	guardGoavro()
	codec, err := goavro.NewCodec(repaired(t))
	if err != nil {
		return nil, errors.New("goavro: " + clip(err.Error(), 300))
	}
	return codec, nil
}

// name gives every named type, field and symbol a name goavro accepts. Debezium's own names are often not legal: a topic
// prefix with a hyphen reaches the namespace. Called once per schema.
func name(t *typ) {
	n := namer{taken: map[string]bool{}}
	n.typ(t)
}

type namer struct{ taken map[string]bool }

func (n *namer) typ(t *typ) {
	switch {
	case t.name != "" && t.goName != "":
		return
	case t.name != "":
		t.goName = unique(n.taken, legalFullName(t.name))
	}
	t.goSymbols = legalSymbols(t.symbols)
	fields := map[string]bool{}
	for i := range t.fields {
		t.fields[i].goName = unique(fields, legalName(t.fields[i].name))
	}
	for i := range t.fields {
		n.typ(t.fields[i].typ)
	}
	for _, b := range t.branches {
		n.typ(b)
	}
	if t.items != nil {
		n.typ(t.items)
	}
}

func unique(taken map[string]bool, name string) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "_" + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

// legalFullName makes each part legal. A name without a namespace gets one: goavro would put it into the enclosing one.
func legalFullName(full string) string {
	parts := strings.Split(full, ".")
	for i := range parts {
		parts[i] = legalName(parts[i])
	}
	switch last := &parts[len(parts)-1]; *last {
	case "array", "enum", "fixed", "map", "record": // goavro looks for these in the namespace first
		*last += "_"
	}
	if len(parts) == 1 {
		return "_." + parts[0]
	}
	return strings.Join(parts, ".")
}

func legalName(s string) string {
	if isLegal(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if !isLegal("_" + string(c)) {
			b[i] = '_'
		}
	}
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return "_" + string(b)
	}
	return string(b)
}

func isLegal(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// legalSymbols replaces an enum's symbols by numbered ones if one of them is not legal.
func legalSymbols(symbols [][]byte) []string {
	out := make([]string, len(symbols))
	for i, s := range symbols {
		if out[i] = string(s); !isLegal(out[i]) {
			return numbered(len(symbols))
		}
	}
	return out
}

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "S" + strconv.Itoa(i)
	}
	return out
}

// repaired is the schema as goavro gets it: shapes only. Defaults (a reader of the writer's schema never needs them, and
// goavro refuses Debezium's for nullable decimals), logical types (their meaning is ours, and goavro computes
// 10^scale) and every other attribute are left out.
func repaired(t *typ) string {
	w := schemaWriter{known: map[*typ]bool{}}
	w.typ(t)
	return string(w.out)
}

type schemaWriter struct {
	out   []byte
	known map[*typ]bool
}

func (w *schemaWriter) add(parts ...string) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *schemaWriter) typ(t *typ) {
	if t.name != "" && w.known[t] {
		w.add(`"`, t.goName, `"`)
		return
	}
	w.known[t] = true
	switch t.kind {
	case kindRecord:
		w.record(t)
	case kindEnum:
		w.add(`{"type":"enum","name":"`, t.goName, `","symbols":["`, strings.Join(t.goSymbols, `","`), `"]}`)
	case kindFixed:
		w.add(`{"type":"fixed","name":"`, t.goName, `","size":`, strconv.Itoa(t.size), `}`)
	case kindArray:
		w.around(`{"type":"array","items":`, t.items)
	case kindMap:
		w.around(`{"type":"map","values":`, t.items)
	case kindUnion:
		w.union(t)
	default:
		w.add(`"`, t.kind.String(), `"`)
	}
}

func (w *schemaWriter) around(open string, t *typ) {
	w.add(open)
	w.typ(t)
	w.add(`}`)
}

func (w *schemaWriter) record(t *typ) {
	w.add(`{"type":"record","name":"`, t.goName, `","fields":[`)
	for i, f := range t.fields {
		w.comma(i)
		w.around(fmt.Sprintf(`{"name":"%s","type":`, f.goName), f.typ)
	}
	w.add(`]}`)
}

func (w *schemaWriter) union(t *typ) {
	w.add(`[`)
	for i, b := range t.branches {
		w.comma(i)
		w.typ(b)
	}
	w.add(`]`)
}

func (w *schemaWriter) comma(i int) {
	if i > 0 {
		w.add(",")
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
