package avro

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/linkedin/goavro/v2"
)

// MaxBlock is the most items one block of an array or map may announce.
const MaxBlock = 1 << 20

// GuardGoavro sets goavro's own limit, which is a variable of its package: six hostile bytes would otherwise make it ask
// for 32 GiB, and the process die.
var GuardGoavro = sync.OnceFunc(func() { goavro.MaxBlockCount = MaxBlock })

// CodecOf shows a type to goavro, which has the last word on whether it is Avro.
func CodecOf(t *Type) (*goavro.Codec, error) {
	GuardGoavro()
	codec, err := goavro.NewCodec(repaired(t))
	if err != nil {
		return nil, errors.New("goavro: " + Clip(err.Error(), 300))
	}
	return codec, nil
}

// Legal gives every named type, field and symbol a name goavro accepts. Debezium's own names are often not legal: a topic
// prefix with a hyphen reaches the namespace. Called once per schema.
func Legal(t *Type) {
	n := namer{taken: map[string]bool{}}
	n.typ(t)
}

type namer struct{ taken map[string]bool }

func (n *namer) typ(t *Type) {
	switch {
	case t.Name != "" && t.goName != "":
		return
	case t.Name != "":
		t.goName = unique(n.taken, legalFullName(t.Name))
	}
	t.goSymbols = legalSymbols(t.Symbols)
	fields := map[string]bool{}
	for i := range t.Fields {
		t.Fields[i].GoName = unique(fields, legalName(t.Fields[i].Name))
	}
	for i := range t.Fields {
		n.typ(t.Fields[i].Type)
	}
	for _, b := range t.Branches {
		n.typ(b)
	}
	if t.Items != nil {
		n.typ(t.Items)
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
func repaired(t *Type) string {
	w := schemaWriter{known: map[*Type]bool{}}
	w.typ(t)
	return string(w.out)
}

type schemaWriter struct {
	out   []byte
	known map[*Type]bool
}

func (w *schemaWriter) add(parts ...string) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *schemaWriter) typ(t *Type) {
	if t.Name != "" && w.known[t] {
		w.add(`"`, t.goName, `"`)
		return
	}
	w.known[t] = true
	switch t.Kind {
	case KindRecord:
		w.record(t)
	case KindEnum:
		w.add(`{"type":"enum","name":"`, t.goName, `","symbols":["`, strings.Join(t.goSymbols, `","`), `"]}`)
	case KindFixed:
		w.add(`{"type":"fixed","name":"`, t.goName, `","size":`, strconv.Itoa(t.Size), `}`)
	case KindArray:
		w.around(`{"type":"array","items":`, t.Items)
	case KindMap:
		w.around(`{"type":"map","values":`, t.Items)
	case KindUnion:
		w.union(t)
	default:
		w.add(`"`, t.Kind.String(), `"`)
	}
}

func (w *schemaWriter) around(open string, t *Type) {
	w.add(open)
	w.typ(t)
	w.add(`}`)
}

func (w *schemaWriter) record(t *Type) {
	w.add(`{"type":"record","name":"`, t.goName, `","fields":[`)
	for i, f := range t.Fields {
		w.comma(i)
		w.around(fmt.Sprintf(`{"name":"%s","type":`, f.GoName), f.Type)
	}
	w.add(`]}`)
}

func (w *schemaWriter) union(t *Type) {
	w.add(`[`)
	for i, b := range t.Branches {
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

func Clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
