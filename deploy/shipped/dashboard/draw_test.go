package dashboard

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"time"
)

// Pixels of a cell of Grafana's grid, and of the parts of a panel.
const (
	cellW, cellH = 50, 30
	gap          = 4
	titleH       = 22
	legendH      = 30
	labelW       = 46
)

const style = `<style>
svg{background:#f4f5f5}rect.p{fill:#fff;stroke:#d8d9da}text{font:11px system-ui,sans-serif;fill:#24292e}
.t{font-weight:600}.r{font-size:14px;font-weight:600}.v{font-size:22px;font-weight:600;text-anchor:middle}.m{fill:#6e6e6e}.g{stroke:#d8d9da}
polyline{fill:none;stroke-width:1.5}
@media(prefers-color-scheme:dark){svg{background:#111217}rect.p{fill:#181b1f;stroke:#2c3235}text{fill:#d8d9da}.m{fill:#9a9a9a}.g{stroke:#2c3235}}
</style>
`

var colours = []string{"#3d9a50", "#c98a00", "#3b78c4", "#d1495b", "#8f5bd1", "#0f9ba8", "#b5651d", "#7a7a7a"}

type canvas struct {
	bytes.Buffer
	start, end time.Time
}

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(x, y int, class, text string) {
	c.put(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, html.EscapeString(text))
}

// draw lays the panels out as Grafana does.
func draw(panels []panel, shown map[string][]curve, start, end time.Time) []byte {
	height := 0
	for _, p := range panels {
		height = max(height, (p.GridPos.Y+p.GridPos.H)*cellH)
	}
	c := &canvas{start: start, end: end}
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" role="img" aria-label="The panels of the dashboard over a run of tokrelay demo">`, 24*cellW, height)
	c.WriteString(style)
	for _, p := range panels {
		x, y, w, h := p.GridPos.X*cellW, p.GridPos.Y*cellH, p.GridPos.W*cellW-gap, p.GridPos.H*cellH-gap
		if p.Type == "row" {
			c.text(x+gap, y+20, "r", p.Title)
			continue
		}
		c.put(`<rect class="p" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, x, y, w, h)
		c.text(x+8, y+16, "t", fit(p.Title, w/7))
		curves, unit := shown[p.Title], p.FieldConfig.Defaults.Unit
		switch {
		case len(curves) == 0:
			c.text(x+w/2-30, y+h/2, "m", "No data")
		case p.Type == "stat":
			c.stat(x, y, w, h, curves[0], unit)
		case p.Type == "heatmap":
			c.heat(x+labelW, y+titleH, w-labelW-8, h-titleH-8, curves, unit)
		default:
			c.curves(x+labelW, y+titleH, w-labelW-8, h-titleH-legendH-4, curves, unit)
		}
	}
	c.put("</svg>")
	return c.Bytes()
}

func (c *canvas) stat(x, y, w, h int, s curve, unit string) {
	text := amount(s.points[len(s.points)-1].F, unit)
	if unit == "short" && s.name == "" {
		text = "-"
	}
	c.text(x+w/2, y+h/2+18, "v", text)
	c.text(x+8, y+h-8, "m", fit(s.name, w/6))
}

// x is where a time is in a panel.
func (c *canvas) x(at int64, left, width int) int {
	return left + int(float64(at-c.start.UnixMilli())/float64(c.end.Sub(c.start).Milliseconds())*float64(width))
}

// curves draws the largest eight, with their names below.
func (c *canvas) curves(x, y, w, h int, list []curve, unit string) {
	slices.SortStableFunc(list, func(a, b curve) int { return cmp.Compare(top(b), top(a)) })
	most := cmp.Or(top(list[0]), 1)
	for i := range 3 {
		at := y + h - h*i/2
		c.put(`<line class="g" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`, x, at, x+w)
		c.text(x-labelW+6, at+4, "m", amount(most*float64(i)/2, unit))
	}
	names := 0
	for i, s := range list[:min(len(list), len(colours))] {
		fmt.Fprintf(c, `<polyline stroke="%s" points="`, colours[i])
		for _, p := range s.points {
			if !math.IsNaN(p.F) && !math.IsInf(p.F, 0) {
				fmt.Fprintf(c, "%d,%d ", c.x(p.T, x, w), y+h-int(max(p.F, 0)/most*float64(h)))
			}
		}
		c.put(`"/>`)
		if i < 4 {
			left, below := x-labelW+8+(i%2)*(w+labelW)/2, y+h+16+(i/2)*14
			c.put(`<rect x="%d" y="%d" width="8" height="8" fill="%s"/>`, left, below-8, colours[i])
			c.text(left+12, below, "m", fit(s.name, (w+labelW)/2/6-4))
			names++
		}
	}
	if more := len(list) - names; more > 0 {
		c.text(x+w-50, y-6, "m", fmt.Sprintf("and %d more", more))
	}
}

// heat draws a histogram's buckets, which are cumulative, each as a row of cells.
func (c *canvas) heat(x, y, w, h int, list []curve, unit string) {
	bound := func(s curve) float64 { v, _ := strconv.ParseFloat(s.name, 64); return v }
	slices.SortFunc(list, func(a, b curve) int { return cmp.Compare(bound(a), bound(b)) })
	most := top(list[len(list)-1])
	for i, s := range list {
		below := map[int64]float64{}
		if i > 0 {
			for _, p := range list[i-1].points {
				below[p.T] = p.F
			}
		}
		above, high := y+h-h*(i+1)/len(list), h/len(list)
		for _, p := range s.points {
			if share := (p.F - below[p.T]) / most; share > 0.005 {
				c.put(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s" opacity="%.2f"/>`, c.x(p.T, x, w), above, w/points+1, high, colours[1], max(share, 0.1))
			}
		}
		if i%4 == 0 && !math.IsInf(bound(s), 0) {
			c.text(x-labelW+6, above+high, "m", amount(bound(s), unit))
		}
	}
}

func top(s curve) (most float64) {
	for _, p := range s.points {
		if !math.IsInf(p.F, 0) && p.F > most {
			most = p.F
		}
	}
	return most
}

func fit(text string, letters int) string {
	if runes := []rune(text); len(runes) > letters {
		return string(runes[:max(letters-1, 1)]) + "…"
	}
	return text
}

// amount writes a number as Grafana does with the unit.
func amount(v float64, unit string) string {
	switch unit {
	case "percentunit":
		return number(v*100) + "%"
	case "s":
		switch {
		case v == 0:
			return "0 s"
		case math.Abs(v) < 1:
			return number(v*1000) + " ms"
		case math.Abs(v) >= 86400:
			return number(v/86400) + " d"
		}
		return number(v) + " s"
	case "bytes", "Bps":
		return number(v/1e6) + " MB"
	}
	return number(v)
}

func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1000:
		return fmt.Sprintf("%.3gk", v/1000)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
