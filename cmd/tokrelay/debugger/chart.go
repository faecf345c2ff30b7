package debugger

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// chart is a small curve of the last hour, drawn by the server: a line, the area below it, and its greatest value in
// words. Text readers get the same in a sentence.
type chart struct {
	Name  string
	Unit  string
	Tone  string
	Line  string // of an SVG path
	Area  string
	Peak  string
	Now   string
	Span  string
	Empty bool
}

const (
	chartWidth  = 300
	chartHeight = 48
	chartSteps  = 100 // drawn; finer ones do not show
)

func newChart(name, unit, tone string, values []float64, span time.Duration) chart {
	c := chart{Name: name, Unit: unit, Tone: tone, Span: spanText(span), Peak: "0", Now: "0"}
	values = thin(values)
	top := 0.0
	if len(values) > 0 {
		top = slices.Max(values)
		c.Peak, c.Now = rate(top), rate(values[len(values)-1])
	}
	if c.Empty = top == 0; c.Empty {
		return c
	}
	c.Line = line(values, top)
	c.Area = fmt.Sprintf("%sL%d %dL0 %dZ", c.Line, chartWidth, chartHeight, chartHeight)
	return c
}

// thin leaves as many values as are drawn: the greatest of each group, so that no peak gets lost.
func thin(values []float64) []float64 {
	size := (len(values) + chartSteps - 1) / chartSteps
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
