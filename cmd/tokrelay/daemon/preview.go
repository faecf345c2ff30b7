package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// Preview prints what rows become, as lines of JSON, and sends nothing.
type Preview struct {
	flow     *Flow
	out      *json.Encoder
	requests bool

	row    int
	notes  pipeline.Notes  // of the row at hand
	runner pipeline.Runner // decodes rows of JSON, or a topic's records
}

// NewPreview prints to out; with requests it keeps the items for the API calls at the end.
func NewPreview(f *Flow, out io.Writer, requests bool) *Preview {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	steps, rows := f.PreviewSteps(), cdc.NewRows(f.Wanted, f.Sync.Config)
	steps.Decode = func(_ context.Context, r *pipeline.Record, into *pipeline.Change) error {
		return rows.Decode(r.Value, into)
	}
	p := &Preview{flow: f, out: encoder, requests: requests, runner: pipeline.Runner{Steps: steps}}
	p.runner.Items.Notes = &p.notes
	return p
}

// The printed lines, one kind per outcome: the keys never vary, but for notes, which are there where there are any. A field is "" where the
// whole row is meant. A row's notes are on the line of its first item.
type (
	delivered struct {
		Row     int             `json:"row"`
		Outcome string          `json:"outcome"`
		Item    json.RawMessage `json:"item"`
		Notes   []pipeline.Note `json:"notes,omitempty"`
	}
	rejected struct {
		Row     int             `json:"row"`
		Outcome string          `json:"outcome"`
		Stage   pipeline.Stage  `json:"stage"`
		Reason  pipeline.Reason `json:"reason"`
		Field   string          `json:"field"`
		Rule    string          `json:"rule"`
		Message string          `json:"message"`
		Notes   []pipeline.Note `json:"notes,omitempty"`
	}
	skipped struct {
		Row     int             `json:"row"`
		Outcome string          `json:"outcome"`
		Reason  string          `json:"reason"`
		Notes   []pipeline.Note `json:"notes,omitempty"`
	}
)

// Line prints what a row of JSON becomes. The line is the preview's to keep.
func (p *Preview) Line(ctx context.Context, line []byte) error {
	return p.show(ctx, &pipeline.Record{Value: line})
}

// show prints what the record's row becomes: a line per item, or one for its rejection or skip, and then those for what follows of it.
func (p *Preview) show(ctx context.Context, r *pipeline.Record) error {
	p.row++
	p.notes.List = nil
	items := &p.runner.Items
	first := len(items.List)
	if err := p.runner.Row(ctx, r, p.row); err != nil {
		if err := p.refused(err); err != nil {
			return err
		}
	}
	for i := first; i < len(items.List); i++ {
		line, err := p.flow.Line(items, i)
		if err != nil {
			return fmt.Errorf("print item: %w", err)
		}
		if err := p.out.Encode(delivered{p.row, "deliver", line, p.notes.List}); err != nil {
			return fmt.Errorf("print preview: %w", err)
		}
		p.notes.List = nil
	}
	if !p.requests {
		items.Reset()
	}
	return nil
}

// refused prints a rejection or a skip; other errors end the preview.
func (p *Preview) refused(err error) error {
	var o any
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		o = rejected{p.row, "reject", r.Stage, r.Reason, r.Field, r.Rule, r.Message(), p.notes.List}
	} else if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		o = skipped{p.row, "skip", string(skip), p.notes.List}
	} else {
		return err
	}
	if err := p.out.Encode(o); err != nil {
		return fmt.Errorf("print preview: %w", err)
	}
	return nil
}

// request is an API call as it would be made.
type request struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
}

// APIPath is the beginning of every endpoint.
const APIPath = "/open_api/v1.3"

// Requests prints the API calls for all rows seen, if they were asked for.
func (p *Preview) Requests() error {
	if !p.requests {
		return nil
	}
	bodies, err := p.flow.Requests(&p.runner.Items)
	if err != nil {
		return fmt.Errorf("make requests: %w", err)
	}
	for _, body := range bodies {
		line := map[string]request{"request": {"POST", APIPath + p.flow.Endpoint(), body}}
		if err := p.out.Encode(line); err != nil {
			return fmt.Errorf("print preview: %w", err)
		}
	}
	return nil
}

// TopicRange is what preview reads of a topic.
type TopicRange struct {
	Partition int32 // -1: all
	Offset    int64 // -1: the newest
	Limit     int
}

// Topic prints what real records become.
func (p *Preview) Topic(ctx context.Context, c *Config, client *admin.Client, r TopicRange) error {
	schemas, err := c.Schemas()
	if err != nil {
		return err
	}
	if err := p.flow.DecodeWith(schemas, nil, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	p.runner.Steps.Decode = p.flow.decode
	what, err := r.Find(ctx, client, p.flow.Sync)
	if err != nil {
		return err
	}
	seen := 0
	err = client.Read(ctx, what, func(record *pipeline.Record) error {
		if seen++; seen > r.Limit {
			return admin.ErrStop
		}
		return p.show(ctx, record)
	})
	if err != nil {
		return err
	}
	return p.Requests()
}

// Find turns the range into offsets: from the wanted one, or so that the newest records of every partition are read.
func (r TopicRange) Find(ctx context.Context, client *admin.Client, s *Sync) (admin.Range, error) {
	topics, err := s.SourceTopics(ctx, client)
	if err != nil {
		return admin.Range{}, err
	}
	all, err := client.All(ctx, topics...)
	if err != nil {
		return admin.Range{}, err
	}
	all.Latest(int64(r.Limit))
	what := admin.Range{From: admin.Offsets{}, To: admin.Offsets{}, IDs: all.IDs}
	for topic, partitions := range all.To {
		for id, end := range partitions {
			if r.Partition >= 0 && id != r.Partition {
				continue
			}
			from, _ := all.From.Get(topic, id)
			if r.Offset >= 0 {
				from = r.Offset
			}
			what.From.Set(topic, id, from)
			what.To.Set(topic, id, end)
		}
	}
	if len(what.To) == 0 {
		return what, fmt.Errorf("no partition %d in %v", r.Partition, topics)
	}
	return what, nil
}
