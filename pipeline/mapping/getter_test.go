package mapping

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestFieldsReadTheirValue(t *testing.T) {
	row := columns{"a": str("one"), "b": num(2), "blank": str("  "), "empty": pipeline.NullValue(), "unread": pipeline.UnavailableValue(),
		"json": jsn(`{"user":{"email":"a@x.example","tags":["x",{"y":true}]},"n":null,"esc":"\u00fc"}`), "word": jsn(`"text"`), "bad": jsn(`{"user":`),
		"ms": num(1785582000123), "day": num(20667), "yes": str("T"), "bytes": pipeline.BytesValue([]byte{0xca, 0xfe}),
		"spaces": pipeline.BytesValue([]byte("  \n ")), "zeros": pipeline.BytesValue(make([]byte, 4)), "no bytes": pipeline.BytesValue(nil),
		"url": str("https://x.example/?a=1&ttclid=E%2BC+d#ttclid=no"), "local": pipeline.LocalValue(1785582000, 0), "de": str("01.08.2026 13:00")}
	for name, test := range map[string]struct{ field, want string }{
		"column":                  {"a", "string one"},
		"first of columns":        {"[empty, blank, missing, b, a]", "int 2"},
		"default":                 {"{column: empty, default: x}", "string x"},
		"default of a blank":      {"{column: blank, default: 7}", "string 7"},
		"default not needed":      {"{column: a, default: x}", "string one"},
		"default bool":            {"{column: empty, default: true}", "bool true"},
		"nothing":                 {"missing", "null"},
		"not read":                {"unread", "unavailable"},
		"not read, no default":    {"{column: unread, default: x}", "unavailable"},
		"not read, but another":   {"[unread, a]", "string one"},
		"value":                   {"{value: fixed}", "string fixed"},
		"value number":            {"{value: 1.50}", "string 1.50"},
		"expr":                    {"{expr: 'a + \"!\"'}", "string one!"},
		"path":                    {"{column: json, path: user.email}", "string a@x.example"},
		"path with index":         {"{column: json, path: user.tags.1.y}", "bool true"},
		"path to null":            {"{column: json, path: n}", "null"},
		"path to nothing":         {"{column: json, path: user.name.first}", "null"},
		"path with escapes":       {"{column: json, path: esc}", "string ü"},
		"path to an object":       {"{column: json, path: user.tags}", `json ["x",{"y":true}]`},
		"json text is text":       {"word", "string text"},
		"millis":                  {"{column: ms, type: millis}", "instant 2026-08-01T11:00:00.123Z"},
		"days":                    {"{column: day, type: days}", "date 2026-08-02"},
		"bool":                    {"{column: yes, type: bool}", "bool true"},
		"string":                  {"{column: b, type: string}", "string 2"},
		"hex":                     {"{column: bytes, type: hex}", "string cafe"},
		"hex of white space":      {"{column: spaces, type: hex}", "string 20200a20"}, // was taken for nothing, and left out
		"hex of zeros":            {"{column: zeros, type: hex}", "string 00000000"},
		"hex of nothing":          {"{column: no bytes, type: hex, default: x}", "string x"},
		"string of white space":   {"{column: spaces, type: string, default: x}", "string x"},
		"number of a bool":        {"{expr: 'true', type: number}", "int 1"},
		"parameter":               {"{column: url, parameter: ttclid}", "string E+C d"},
		"parameter not there":     {"{column: url, parameter: x}", "null"},
		"map":                     {"{column: a, map: {one: eins}}", "string eins"},
		"map leaves others":       {"{column: b, map: {one: eins}}", "int 2"},
		"time written by format":  {"{column: local, format: 'yyyy-MM-dd''T''HH:mm'}", "string 2026-08-01T11:00"},
		"time read by format":     {"{column: de, format: '%d.%m.%Y %H:%M', timezone: Europe/Berlin}", "instant 2026-08-01T11:00:00Z"},
		"a number of a list":      {"{column: json, path: user.tags.x}", "null"},
		"broken json without use": {"[bad, a]", `json {"user":`},
	} {
		t.Run(name, func(t *testing.T) {
			f, cols, r := field(t, test.field), &Columns{}, NewRow(clockAtNoon)
			g := f.Compile("f", cols)
			r.Begin(change(cols, pipeline.Insert, nil, row))
			if v, err := g.Value(r); err != nil || show(v) != test.want {
				t.Errorf("got %s, %v, want %s", show(v), err, test.want)
			}
		})
	}
}

func TestFieldsRejectWhatTheirTypeCannotRead(t *testing.T) {
	for name, test := range map[string]struct {
		field string
		value pipeline.Value
	}{
		"millis of text":     {"{column: c, type: millis}", str("soon")},
		"millis of a list":   {"{column: c, type: millis}", pipeline.ListValue(nil)},
		"bool of a number":   {"{column: c, type: bool}", num(2)},
		"date of text":       {"{column: c, type: date}", str("2026-02-30")},
		"string of a list":   {"{column: c, type: string}", pipeline.ListValue(nil)},
		"string of binary":   {"{column: c, type: string}", pipeline.BytesValue([]byte{0xff})},
		"json of a number":   {"{column: c, type: json}", num(1)},
		"hex of a number":    {"{column: c, type: hex}", num(1)},
		"number of binary":   {"{column: c, type: number}", pipeline.BytesValue([]byte("1"))},
		"format":             {"{column: c, format: '%Y'}", str("26")},
		"path into no json":  {"{column: c, path: a}", jsn("{")},
		"path behind json":   {"{column: c, path: a}", jsn(`{"a":1} 2`)},
		"infinite as millis": {"{column: c, type: millis}", flt(1e300)},
	} {
		t.Run(name, func(t *testing.T) {
			f, cols, r := field(t, test.field), &Columns{}, NewRow(clockAtNoon)
			g := f.Compile("user.x", cols)
			r.Begin(change(cols, pipeline.Insert, nil, columns{"c": test.value}))
			v, err := g.Value(r)
			rejection, ok := err.(*pipeline.Rejection)
			if !ok || rejection.Reason != pipeline.WrongType || rejection.Field != "user.x" {
				t.Errorf("got %s, %v, want wrong_type of user.x", show(v), err)
			}
		})
	}
}

func TestFieldsReadAllTheirValues(t *testing.T) {
	row := columns{"a": str("1"), "blank": str(""), "list": pipeline.ListValue([]pipeline.Value{num(2), pipeline.NullValue(), str("3")}), "json": jsn(`["4", null, 5]`),
		"text": str(" x ;y;; "), "written": str(`["6"]`), "looks": str("[7"), "unread": pipeline.UnavailableValue(), "object": jsn(`{"a":1}`)}
	for name, test := range map[string]struct{ field, want string }{
		"columns":                 {"[a, blank, list, json]", "string 1,int 2,string 3,string 4,int 5"},
		"separator":               {"{column: text, separator: ;}", "string x,string y"},
		"json in text":            {"written", "string 6"},
		"not quite":               {"looks", "string [7"},
		"default":                 {"{columns: [blank, missing], default: [p, q]}", "string p,string q"},
		"constants":               {"{value: [p, q]}", "string p,string q"},
		"not read: no default":    {"{column: unread, default: p}", ""},
		"an object is not a list": {"object", `json {"a":1}`},
		"a list of expressions":   {"{expr: '[a, 2]'}", "string 1,int 2"},
	} {
		t.Run(name, func(t *testing.T) {
			f, cols, r := field(t, test.field), &Columns{}, NewRow(clockAtNoon)
			g := f.Compile("f", cols)
			r.Begin(change(cols, pipeline.Insert, nil, row))
			values, err := g.Values(r, nil)
			var got []string
			for _, v := range values {
				got = append(got, show(v))
			}
			if strings.Join(got, ",") != test.want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestReadingFieldsAllocatesNothing(t *testing.T) {
	row := columns{"a": str("one"), "json": jsn(`{"user":{"email":"\u0061@x.example"},"list":[1,2]}`), "ms": num(1785582000123)}
	cols, r := &Columns{}, NewRow(clockAtNoon)
	var getters []*Getter
	for _, text := range []string{"a", "{column: json, path: user.email}", "{column: json, path: list}", "{column: ms, type: millis}",
		"{column: a, map: {one: eins}}", "{column: missing, default: x}"} {
		f := field(t, text)
		getters = append(getters, f.Compile("f", cols))
	}
	c := change(cols, pipeline.Insert, nil, row)
	var values []pipeline.Value
	n := testing.AllocsPerRun(100, func() {
		r.Begin(c)
		for _, g := range getters {
			values, _ = g.Values(r, values[:0])
			if v, err := g.Value(r); err != nil || len(values) == 0 || IsBlank(v) {
				t.Fatal(show(v), err)
			}
		}
	})
	if n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestDeletedRowsAreReadFromTheirLastImage(t *testing.T) {
	f, cols, r := field(t, "a"), &Columns{}, NewRow(clockAtNoon)
	g := f.Compile("f", cols)
	r.Begin(change(cols, pipeline.Delete, columns{"a": str("old")}, nil))
	if v, err := g.Value(r); err != nil || show(v) != "string old" {
		t.Errorf("got %s, %v, want the old value", show(v), err)
	}
}
