package mapping

import (
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Compile makes the getter of a field that Validate found nothing wrong with; name is what rejections call the field.
func (f *Field) Compile(name string, cols *Columns) *Getter {
	g := &Getter{name: name, separator: []byte(f.Separator)}
	if f.Parameter != "" {
		g.parameter = []byte(f.Parameter)
	}
	index := cols.Index
	if f.Default != nil || len(f.Columns) > 1 {
		index = cols.IndexOptional
	}
	if f.Default == nil && len(f.Columns) > 1 {
		cols.AnyOf(f.Columns)
	}
	for _, column := range append(f.Columns[:len(f.Columns):len(f.Columns)], nonEmpty(f.Column)...) {
		g.columns = append(g.columns, index(column))
	}
	if f.Path != "" {
		g.path = strings.Split(f.Path, ".")
	}
	if f.Expr != "" {
		g.expr = mustCompile(f.Expr, cols)
	}
	g.constants, g.fallback = f.Value.values(), f.Default.values()
	g.convert = conversion{kind: f.Type, zone: f.zone()}
	g.convert.setLayout(f.Format)
	g.names = mapped(f.Map)
	g.plain = g.path == nil && f.Type == "" && f.Format == "" && f.Map == nil && f.Parameter == ""
	if g.direct = -1; g.plain && len(g.columns) == 1 && f.Separator == "" {
		g.direct = g.columns[0]
	}
	return g
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (f *Field) zone() *time.Location {
	zone, err := time.LoadLocation(f.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func mapped(m map[string]string) map[string]pipeline.Value {
	if m == nil {
		return nil
	}
	values := make(map[string]pipeline.Value, len(m))
	for from, to := range m {
		values[from] = pipeline.StringValue([]byte(to))
	}
	return values
}

func (c *Constant) values() (values []pipeline.Value) {
	if c == nil {
		return nil
	}
	for i, text := range c.Texts {
		if i < len(c.kinds) && c.kinds[i] == settings.Bool {
			values = append(values, pipeline.BoolValue(text == "true"))
			continue
		}
		values = append(values, pipeline.StringValue([]byte(text)))
	}
	return values
}
