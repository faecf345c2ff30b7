package mapping

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// FuzzJSON compares what is read of JSON text with the standard library: whether it is well-formed, and what is in it.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`[{"a":1,"b":"\u00fc\n"},null,true,[1.5,-2e3,"x"]]`, `{"a":{"b":[]}}`, `[1,]`, `{"a"}`, `"\ud83d\ude00"`, `01`, `-`, `1.`, `[`, `{} x`, `"\x"`, ` [ ] `, `{"":""}`, `tru`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		compareJSON(t, text)
	})
}

func TestRandomJSONReadsAsTheStandardLibraryReadsIt(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for range 50_000 {
		text := []byte(randomJSON(r, 0))
		if r.IntN(4) == 0 && len(text) > 0 {
			text[r.IntN(len(text))] = `[]{},:"\09 x`[r.IntN(12)]
		}
		compareJSON(t, string(text))
	}
}

func randomJSON(r *rand.Rand, depth int) string {
	switch kind := r.IntN(8); {
	case kind < 2 && depth < 4:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = randomJSON(r, depth+1)
		}
		return "[" + strings.Join(parts, " , ") + "]"
	case kind < 4 && depth < 4:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = fmt.Sprintf(`"k%d": %s`, i, randomJSON(r, depth+1))
		}
		return "{ " + strings.Join(parts, ",") + " }"
	case kind == 4:
		return []string{"true", "false", "null"}[r.IntN(3)]
	case kind == 5:
		return []string{"0", "-1", "12.50", "1e5", "123456789012345678901234567890", "-0.0", "1E-2"}[r.IntN(7)]
	}
	return []string{`"x"`, `""`, `"\u00fc\"\\\/\b\f\n\r\t"`, `"\ud83d\ude00"`, `"ü"`}[r.IntN(5)]
}

func compareJSON(t *testing.T, text string) {
	t.Helper()
	var want any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	valid := json.Valid([]byte(text)) && d.Decode(&want) == nil
	got, ok := jsontext.Value([]byte(text))
	if ok != valid && !strings.Contains(text, strings.Repeat("[", 50)) && strings.Count(text, "{") < 50 {
		t.Fatalf("%q: well-formed %v, want %v", text, ok, valid)
	}
	if !ok || !valid || strings.ContainsRune(text, '\ufffd') || strings.Contains(strings.ToLower(text), `\ud`) {
		return // broken surrogates are replaced there and refused here
	}
	r := NewRow(clockAtNoon)
	scalar, _ := scalarOf(got, &r.scratch)
	if seen, fine := plain(r, scalar); !fine || !reflect.DeepEqual(seen, flat(want)) {
		t.Fatalf("%q: got %v, want %v", text, seen, flat(want))
	}
}

// plain walks a value with Elements and Members; scalars become text.
func plain(r *Row, v pipeline.Value) (any, bool) {
	switch {
	case IsList(v):
		list := []any{}
		it := r.Elements(v)
		for it.Next() {
			e, ok := plain(r, it.Value)
			if !ok {
				return nil, false
			}
			list = append(list, e)
		}
		return list, !it.Bad
	case IsObject(v):
		m := map[string]any{}
		it := r.Members(v)
		for it.Next() {
			name := strings.Clone(it.Name)
			e, ok := plain(r, it.Value)
			if !ok {
				return nil, false
			}
			m[name] = e
		}
		return m, !it.Bad
	case v.IsNull():
		return nil, true
	}
	return v.Text(), true
}

// flat turns the library's result into the same form.
func flat(x any) any {
	switch x := x.(type) {
	case []any:
		list := []any{}
		for _, e := range x {
			list = append(list, flat(e))
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for k, e := range x {
			m[k] = flat(e)
		}
		return m
	case json.Number:
		return numberOf([]byte(x)).Text()
	case bool:
		return fmt.Sprint(x)
	}
	return x
}

func TestDeepJSONIsRefused(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 1_000_000), strings.Repeat(`{"a":`, 200_000)} {
		if _, ok := jsontext.Value([]byte(text)); ok {
			t.Errorf("%d bytes of brackets are well-formed", len(text))
		}
	}
}
