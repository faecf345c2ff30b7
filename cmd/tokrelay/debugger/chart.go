package debugger

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chart is a curve, drawn by the server: a line, the area below it, and its greatest value in words. Text readers get the same in a
// sentence; the script shows the value under the pointer.
type chart struct {
	Name   string
	Unit   string
	Tone   string
	Line   string // of an SVG path
	Area   string
	Peak   string
	Now    string
	Span   string
	Empty  bool
	Values string // drawn, with commas between them
	From   int64  // when the first was, and the time between two, in milliseconds
	Step   int64
	Axes   *axes // nil: it is small and has none
}

// axes are the labels of a large chart.
type axes struct {
	Levels []string // from above
	Times  []time.Time
}

const (
	chartWidth  = 300
	chartHeight = 48
	chartSteps  = 100 // drawn; finer ones do not show
	largeSteps  = 700 // of a large one: a week of quarters of an hour
)

// span is what a chart is of: values until now, a step apart.
type span struct {
	until time.Time
	step  time.Duration
	words string
}

// spanOf is that of a history's closed steps.
func (h *history) spanOf() span { return span{h.since, h.step, spanText(h.span())} }

func newChart(name, unit, tone string, values []float64, of span) chart {
	return drawn(name, unit, tone, values, of, chartSteps)
}

// newLargeChart has axes.
func newLargeChart(name, unit, tone string, values []float64, of span) chart {
	c := drawn(name, unit, tone, values, of, largeSteps)
	from := of.until.Add(-time.Duration(len(values)) * of.step)
	c.Axes = &axes{Levels: []string{"", "", "0"}}
	if top := topOf(values); top > 0 {
		top = round(top)
		c.Axes.Levels = []string{rate(top), rate(top / 2), "0"}
		c.draw(thin(values, largeSteps), top)
	}
	for i := range 5 {
		c.Axes.Times = append(c.Axes.Times, from.Add(of.until.Sub(from)*time.Duration(i)/4))
	}
	return c
}

func drawn(name, unit, tone string, values []float64, of span, most int) chart {
	c := chart{Name: name, Unit: unit, Tone: tone, Span: of.words, Peak: "0", Now: "0"}
	all := len(values)
	values = thin(values, most)
	top := topOf(values)
	if c.Empty = top == 0; c.Empty {
		return c
	}
	c.Peak, c.Now = rate(top), rate(values[len(values)-1])
	c.From = of.until.Add(-time.Duration(all) * of.step).UnixMilli()
	c.Step = (of.step * time.Duration(all) / time.Duration(max(len(values)-1, 1))).Milliseconds()
	c.draw(values, top)
	return c
}

func (c *chart) draw(values []float64, top float64) {
	c.Line = line(values, top)
	c.Area = fmt.Sprintf("%sL%d %dL0 %dZ", c.Line, chartWidth, chartHeight, chartHeight)
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatFloat(v, 'g', 6, 64))
	}
	c.Values = b.String()
}

func topOf(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Max(values)
}

// round is the next number from n on that reads well: 1, 2 or 5 with zeros.
func round(n float64) float64 {
	ten := math.Pow(10, math.Floor(math.Log10(n)))
	for _, f := range []float64{1, 2, 5} {
		if n <= f*ten {
			return f * ten
		}
	}
	return 10 * ten
}

// thin leaves as many values as are drawn: the greatest of each group, so that no peak gets lost.
func thin(values []float64, most int) []float64 {
	size := (len(values) + most - 1) / most
	if size <= 1 {
		return values
	}
	var list []float64
	for group := range slices.Chunk(values, size) {
		list = append(list, slices.Max(group))
	}
	return list
}

func line(values []float64, top float64) string {
	var b strings.Builder
	step := float64(chartWidth) / math.Max(1, float64(len(values)-1))
	for i, v := range values {
		x, y := float64(i)*step, chartHeight-1-v/top*(chartHeight-4)
		fmt.Fprintf(&b, "%c%.4g %.4g", "ML"[min(i, 1)], x, y)
	}
	if len(values) == 1 {
		fmt.Fprintf(&b, "L%d %.4g", chartWidth, chartHeight-1-values[0]/top*(chartHeight-4))
	}
	return b.String()
}

func spanText(d time.Duration) string {
	switch {
	case d >= 55*time.Minute:
		return "last hour"
	case d >= 2*time.Minute:
		return fmt.Sprintf("last %d min", int(d.Minutes()))
	}
	return fmt.Sprintf("last %d s", int(d.Seconds()))
}
