package debugger

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"html/template"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

//go:embed templates
var templateFiles embed.FS

// templates holds, for every page, the layout with that page's parts: "content", and "live" inside it where the page
// moves. They are made for the first page that is asked for: most commands never show one.
var templates = sync.OnceValue(func() map[string]*template.Template {
	shared := template.Must(template.New("layout.html").Funcs(words).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	for name := range titles {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	all["problem"] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, "templates/problem.html"))
	return all
})

// render writes a whole page. It is made in memory first: an error leaves no half of one.
func render(w io.Writer, f frame) error {
	entry := "layout.html"
	if f.Part {
		entry = "content"
	}
	return execute(w, f, entry)
}

// renderLive writes the part of a page that moves.
func renderLive(w io.Writer, f frame) error { return execute(w, f, "live") }

func execute(w io.Writer, f frame, entry string) error {
	var b bytes.Buffer
	if err := templates()[f.Template].ExecuteTemplate(&b, entry, f); err != nil {
		return fmt.Errorf("write page %s: %w", f.Template, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// moves reports whether a page has a part that moves.
func moves(name string) bool { return templates()[name].Lookup("live") != nil }

// words are the functions templates use.
var words = template.FuncMap{
	"num": number[int64], "int": number[int], "rate": rate, "clock": clock, "iso": iso, "since": since, "took": took,
	"seconds": func(s float64) string { return took(time.Duration(s * float64(time.Second))) },
	"plural":  plural, "letterPath": letterPath, "searchPath": searchPath, "tab": newTab, "sum": sum,
	"prose": prose, "sentence": sentence,
	"before": func(item int) int { return item - 1 }, "max1": func(n int64) int64 { return max(n, 1) },
	"resultTone":  func(r audiencefile.Result) string { return resultTones[r] },
	"resultWords": func(r audiencefile.Result) string { return resultWords[r] },
}

// tab is one section of the navigation.
type tab struct {
	Path, Name string
	Current    bool
}

func newTab(f frame, section, path, name string) tab { return tab{path, name, f.Section == section} }

// sum adds up a map of counts.
func sum(counts any) (total int64, err error) {
	v := reflect.ValueOf(counts)
	if v.Kind() != reflect.Map {
		return 0, fmt.Errorf("sum: %s is not a map of counts", v.Kind())
	}
	for _, key := range v.MapKeys() {
		total += v.MapIndex(key).Int()
	}
	return total, nil
}

// number groups digits: 1,234,567.
func number[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// rate is a number a second: whole from ten on.
func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 0.1:
		return "<0.1"
	case perSecond < 10:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return number(int64(math.Round(perSecond)))
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "0 %"
	}
	share := 100 * float64(part) / float64(whole)
	if share > 0 && share < 0.1 {
		return "<0.1 %"
	}
	return strconv.FormatFloat(share, 'f', 1, 64) + " %"
}

func plural(n any, one, many string) string {
	if fmt.Sprint(n) == "1" {
		return one
	}
	return many
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// clock is a moment for a table: the time today, the date too before that. All times are UTC, as in logs.
func clock(t time.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case time.Since(t) < 20*time.Hour && time.Until(t) < 20*time.Hour:
		return t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("2 Jan 15:04")
}

// since is how long ago something was, roughly.
func since(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := time.Since(t); d >= 5*time.Second {
		return took(d) + " ago"
	}
	return "just now"
}

// took is a duration in one unit, the largest that leaves two digits.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days"
}

// prose is a text of ours whose `names` are shown as code.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if part = html.EscapeString(part); i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// sentence begins a text with a capital letter, unless its first word is a name.
func sentence(text string) string {
	if text == "" || strings.HasPrefix(text, "tokrelay") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
