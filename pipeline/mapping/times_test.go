package mapping

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestTimesInTextAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026-08-01T11:00:00Z":               "instant 2026-08-01T11:00:00Z",
		"2026-08-01t11:00:00.123456789z":     "instant 2026-08-01T11:00:00.123456789Z",
		"2026-08-01T11:00:00.1234567891234Z": "instant 2026-08-01T11:00:00.123456789Z",
		"2026-08-01 13:00:00+02":             "instant 2026-08-01T11:00:00Z",
		"2026-08-01 13:00:00 +0200":          "instant 2026-08-01T11:00:00Z",
		"2026-08-01T06:30:00-04:30":          "instant 2026-08-01T11:00:00Z",
		"2026-08-01  11:00:00,5 UTC":         "instant 2026-08-01T11:00:00.5Z",
		"1900-01-01 00:00:00+00:19:32":       "instant 1899-12-31T23:40:28Z",
		"2026-08-01T11:00":                   "local time 2026-08-01T11:00:00",
		" 2026-08-01 11:00:00 ":              "local time 2026-08-01T11:00:00",
		"2026-08-01":                         "date 2026-08-01",
		"2026-08-01Z":                        "date 2026-08-01",
		"2024-02-29":                         "date 2024-02-29",
		"":                                   "",
		"2026":                               "",
		"2026-8-1":                           "",
		"2026-02-29":                         "",
		"2026-13-01":                         "",
		"2026-00-10":                         "",
		"2026-08-01T":                        "",
		"2026-08-01T24:00:00Z":               "",
		"2026-08-01T11:60:00Z":               "",
		"2026-08-01T11:00:61Z":               "",
		"2026-08-01T11:00:00.Z":              "",
		"2026-08-01T11:00:00+2":              "",
		"2026-08-01T11:00:00+19:00":          "",
		"2026-08-01T11:00:00 CEST":           "",
		"2026-08-01T11:00:00Z and more":      "",
		"+10000-01-01T00:00:00Z":             "",
		"२०२६-08-01":                         "",
	} {
		got, ok := parseISO([]byte(text))
		if ok != (want != "") || ok && show(got) != want {
			t.Errorf("%q: got %s, %v, want %q", text, show(got), ok, want)
		}
	}
}

// TestWrittenTimesReadBack throws random moments at the parser, in the layouts databases use.
func TestWrittenTimesReadBack(t *testing.T) {
	layouts := []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.000000 -0700", "2006-01-02T15:04:05.000-0700", "2006-01-02 15:04:05 UTC"}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		layout := layouts[r.IntN(len(layouts))]
		at := time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In(time.FixedZone("", (r.IntN(27)-13)*3600))
		if layout == layouts[4] {
			at = at.UTC()
		}
		text := at.Format(layout)
		want, err := time.Parse(layout, text)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := parseISO([]byte(text))
		if got, _ := v.Time(time.UTC); !ok || !got.Equal(want) {
			t.Fatalf("seed %d: %s: got %v, %v, want %v", seed, text, got, ok, want.UTC())
		}
	}
}

func TestTheSizeOfANumberTellsItsUnit(t *testing.T) {
	for n, want := range map[int64]string{
		noon.Unix(): "instant 2026-08-01T12:00:00Z", noon.UnixMilli() + 5: "instant 2026-08-01T12:00:00.005Z",
		noon.UnixMicro() + 5: "instant 2026-08-01T12:00:00.000005Z", noon.UnixNano() + 5: "instant 2026-08-01T12:00:00.000000005Z",
		0: "", -1: "", 20260801: "", 99_999_999: "",
	} {
		got, ok := numericTime(num(n), 0)
		if ok != (want != "") || ok && show(got) != want {
			t.Errorf("%d: got %s, %v, want %q", n, show(got), ok, want)
		}
	}
	if got, ok := numericTime(num(-1500), 1000); !ok || show(got) != "instant 1969-12-31T23:59:58.5Z" {
		t.Errorf("-1500 ms: got %s, %v", show(got), ok)
	}
}

func TestFormatsBecomeLayouts(t *testing.T) {
	for format, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2006-01-02 15:04:05", "%d/%b/%y %I:%M %p%%": "02/Jan/06 03:04 PM%", "%F %T%z": "2006-01-02 15:04:05-0700",
		"yyyy-MM-dd'T'HH:mm:ss.SSSXXX": "2006-01-02T15:04:05.000Z07:00", "dd.MM.yyyy": "02.01.2006", "d/M/yy h:mm a": "2/1/06 3:04 PM",
		"2006-01-02 15:04": "2006-01-02 15:04", "%Q": "", "%": "", "yyyy-qq": "",
	} {
		got, err := layoutOf(format)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q, %v, want %q", format, got, err, want)
		}
	}
}

// TestANamedZoneIsKnownOrRefused: a name that means several zones, or none, gives no time.
func TestANamedZoneIsKnownOrRefused(t *testing.T) {
	for _, c := range []struct{ field, text, want string }{
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 11:00:00 UTC", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 11:00:00 GMT", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 11:00:00 GMT+3", ""},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 06:00:00 EST", ""},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 12:00:00 CET", ""},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 11:00:00 XYZ", ""},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z"}`, "2026-11-29 11:00:00 +03", ""},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z", timezone: America/New_York}`, "2026-11-29 06:00:00 EST", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z", timezone: America/New_York}`, "2026-07-29 06:00:00 EDT", "instant 2026-07-29T10:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z", timezone: America/New_York}`, "2026-11-29 11:00:00 UTC", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %Z", timezone: America/New_York}`, "2026-11-29 12:00:00 CET", ""},
		{`{column: a, format: "yyyy-MM-dd HH:mm:ss z", timezone: Europe/Berlin}`, "2026-11-29 12:00:00 CET", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "yyyy-MM-dd HH:mm:ss z"}`, "2026-11-29 12:00:00 CET", ""},
		{`{column: a, format: "2006-01-02 15:04:05 MST"}`, "2026-11-29 12:00:00 CET", ""},
		{`{column: a, format: "2006-01-02 15:04:05 MST", type: date}`, "2026-11-29 12:00:00 PST", ""},
		{`{column: a, format: "2006-01-02 15:04:05 -0700 MST"}`, "2026-11-29 12:00:00 +0100 CET", "instant 2026-11-29T11:00:00Z"},
		{`{column: a, format: "%Y-%m-%d %H:%M:%S %z"}`, "2026-11-29 12:00:00 +0100", "instant 2026-11-29T11:00:00Z"},
	} {
		var cols Columns
		f := field(t, c.field)
		get, row := f.Compile("event_time", &cols), NewRow(clockAtNoon)
		row.Begin(change(&cols, pipeline.Insert, nil, columns{"a": str(c.text)}))
		v, err := get.Value(row)
		got := ""
		if err == nil {
			got = show(v)
		}
		if got != c.want {
			t.Errorf("%s of %q: got %q and %v, want %q", c.field, c.text, got, err, c.want)
		}
	}
}
