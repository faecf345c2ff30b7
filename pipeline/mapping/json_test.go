package mapping

import (
	"encoding/json"
	"fmt"
	"math/big"
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

func TestAWholeNumberIsOneHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"12345": "int 12345", "12345.0": "int 12345", "12345.000": "int 12345", "-7.0": "int -7", "0.0": "int 0", "1.2345E4": "int 12345", "1.2345678e7": "int 12345678",
		"1.50": "decimal 1.50", "12345.05": "decimal 12345.05", "1.5e0": "decimal 1.5", "15e-1": "decimal 1.5", "10e-1": "int 1", "0.10": "decimal 0.10",
		"123456789012345678.0": "string 123456789012345678", "1234567890123456789": "string 1234567890123456789", "1234567890123456789.0": "string 1234567890123456789",
		"1e17": "int 100000000000000000", "1e40": "string 1e40", "1e400": "string 1e400", "1e-40": "string 1e-40",
	} {
		if got := show(numberOf([]byte(text))); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// FuzzNumbersInJSON compares exact numbers with the text they were made of.
func FuzzNumbersInJSON(f *testing.F) {
	for _, text := range []string{"0", "-0.0", "1.50", "12345.0", "1e3", "-12.5e-7", "1234567890123456789.0", "9.9e17", "1E+2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 100 || !json.Valid([]byte(text)) || text[0] != '-' && !isDigit(text[0]) {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		got, ok2 := new(big.Rat).SetString(numberOf([]byte(text)).Text())
		if ok && (!ok2 || want.Cmp(got) != 0) {
			t.Errorf("got %s, want the number %s", numberOf([]byte(text)).Text(), text)
		}
	})
}
