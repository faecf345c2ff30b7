package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
)

// TopicColumns are the columns of a source topic: of its newest schema, or of its newest row where the registry has none.
type TopicColumns struct {
	Topic   string
	From    string // where they are from, in words
	Columns []SourceColumn
	Problem string // why there are none
}

// SourceColumn is one of them.
type SourceColumn struct {
	Name, Type string
	Nullable   bool
	Read       bool // by the sync
}

// Columns are those of the sync's topics. An error is Kafka's.
func (d *Daemon) Columns(ctx context.Context, s *Sync) ([]TopicColumns, error) {
	flow, err := d.Wiring.Flow(s, nil)
	if err != nil {
		return nil, err
	}
	topics, err := s.SourceTopics(ctx, d.Wiring.Admin)
	if err != nil {
		return nil, err
	}
	var list []TopicColumns
	for _, topic := range topics {
		of, err := d.registered(ctx, flow, topic)
		if err == nil && len(of) == 0 {
			of, err = d.ofNewestRow(ctx, flow, topic)
		}
		if err != nil {
			of = []TopicColumns{{Topic: topic, Problem: err.Error()}}
		}
		list = append(list, of...)
	}
	return list, nil
}

// registered are the columns of the topic's newest schemas: one for each record type.
func (d *Daemon) registered(ctx context.Context, f *Flow, topic string) (list []TopicColumns, err error) {
	if f.Sync.Framing.Style == "json" || len(d.Wiring.Config.SchemaRegistry.URL) == 0 {
		return nil, nil
	}
	for _, subject := range f.Sync.Subjects(topic) {
		src, err := d.Wiring.Registry.Latest(ctx, subject)
		if err != nil {
			return nil, err
		}
		if src == nil {
			continue
		}
		all, err := cdc.Inspect(f.Sync.Config, f.Wanted, src)
		if err != nil {
			return nil, err
		}
		for _, in := range all {
			if in.IsRow() {
				list = append(list, TopicColumns{Topic: topic, From: strings.TrimSpace("schema " + src.ID + " of subject " + subject + " " + in.Record), Columns: f.columns(in.Columns)})
			}
		}
	}
	return list, nil
}

func (f *Flow) columns(of []cdc.Column) (list []SourceColumn) {
	for _, c := range of {
		list = append(list, SourceColumn{c.Name, cmp.Or(c.Type, c.Kind.String()), c.Nullable, f.reads(c.Name)})
	}
	return list
}

// reads reports whether the sync reads a column, or something inside it.
func (f *Flow) reads(column string) bool {
	return f.Wanted.All || slices.ContainsFunc(f.Wanted.Columns, func(wanted string) bool {
		return wanted == column || strings.HasPrefix(wanted, column+".")
	})
}

// ofNewestRow are the columns of the newest row that can be read.
func (d *Daemon) ofNewestRow(ctx context.Context, f *Flow, topic string) ([]TopicColumns, error) {
	decode, err := decodeAll(f.Sync.Config, d.Wiring.Registry)
	if err != nil {
		return nil, err
	}
	span, err := d.Wiring.Admin.All(ctx, topic)
	if err != nil {
		return nil, err
	}
	span.Latest(10)
	out := TopicColumns{Topic: topic, Problem: "no row of it can be read, and the registry has no schema of it"}
	runner := pipeline.Runner{Steps: pipeline.Steps{Decode: decode}}
	err = d.Wiring.Admin.Read(ctx, span, func(r *pipeline.Record) error {
		if runner.Row(ctx, r, 0) == nil && runner.Change.After.Present && runner.Change.Shape != nil {
			out.Columns, out.Problem = f.ofImage(&runner.Change), ""
			out.From = "the row " + r.Position()
		}
		return nil
	})
	return []TopicColumns{out}, err
}

func (f *Flow) ofImage(c *pipeline.Change) (list []SourceColumn) {
	for i, column := range c.Shape.Names {
		kind := c.After.Value(i).Kind()
		list = append(list, SourceColumn{Name: column, Type: kind.String(), Nullable: kind == pipeline.Null, Read: f.reads(column)})
	}
	return list
}
