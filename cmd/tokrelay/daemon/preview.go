package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// Preview prints what rows become, as lines of JSON, and sends nothing.
type Preview struct {
	flow    *Flow
	out     *json.Encoder
	options PreviewOptions

	Outcomes map[string]int // "deliver", "reject invalid_email user.email" → rows
	Rows     int

	position string          // of a topic's record
	op       pipeline.Op     // of the row at hand
	read     []mapping.Read  // by `when`, of a row that it filtered
	notes    pipeline.Notes  // of the row at hand
	runner   pipeline.Runner // decodes rows of JSON, or a topic's records
}

// PreviewOptions are what is printed.
type PreviewOptions struct {
	Requests bool // keep the items for the API calls at the end
	Rejected bool // print rejections alone
}

// NewPreview prints to out.
func NewPreview(f *Flow, out io.Writer, options PreviewOptions) *Preview {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	steps, rows := f.PreviewSteps(), cdc.NewRows(f.Wanted, f.Sync.Config)
	steps.Decode = func(_ context.Context, r *pipeline.Record, into *pipeline.Change) error {
		return rows.Decode(r.Value, into)
	}
	p := &Preview{flow: f, out: encoder, options: options, Outcomes: map[string]int{}}
	gate, pass := f.gate.Worker(), steps.Pass
	steps.Pass = func(c *pipeline.Change) error {
		p.op = c.Op
		err := pass(c)
		if errors.Is(err, pipeline.SkipFiltered) {
			p.read = gate.Reads(c)
		}
		return err
	}
	p.runner.Steps = steps
	p.runner.Items.Notes = &p.notes
	return p
}

// The printed lines, one kind per outcome: the keys never vary, but for notes, which are there where there are any. A field is "" where the
// whole row is meant. A row's notes are on the line of its first item.
type (
	line struct {
		Row      int    `json:"row"`
		Position string `json:"position,omitempty"` // of a topic's record
		Outcome  string `json:"outcome"`
	}
	delivered struct {
		line
		Item  json.RawMessage `json:"item"`
		Notes []pipeline.Note `json:"notes,omitempty"`
	}
	rejected struct {
		line
		Stage   pipeline.Stage  `json:"stage"`
		Reason  pipeline.Reason `json:"reason"`
		Field   string          `json:"field"`
		Rule    string          `json:"rule"`
		Message string          `json:"message"`
		Notes   []pipeline.Note `json:"notes,omitempty"`
	}
	skipped struct {
		line
		Reason    string          `json:"reason"`
		Condition string          `json:"condition,omitempty"` // that was not met
		Read      []mapping.Read  `json:"read,omitempty"`      // what it read of the row
		Notes     []pipeline.Note `json:"notes,omitempty"`
	}
)

// Line prints what a row of JSON becomes. The line is the preview's to keep.
func (p *Preview) Line(ctx context.Context, line []byte) error {
	return p.show(ctx, &pipeline.Record{Value: line})
}

// show prints what the record's row becomes: a line per item, or one for its rejection or skip, and then those for what follows of it.
func (p *Preview) show(ctx context.Context, r *pipeline.Record) error {
	p.Rows++
	p.notes.List, p.read = nil, nil
	items := &p.runner.Items
	first := len(items.List)
	if err := p.runner.Row(ctx, r, p.Rows); err != nil {
		if err := p.refused(err); err != nil {
			return err
		}
	}
	if len(items.List) > first {
		p.Outcomes["deliver"]++
	}
	for i := first; i < len(items.List) && !p.options.Rejected; i++ {
		line, err := p.flow.Line(items, i)
		if err != nil {
			return fmt.Errorf("print item: %w", err)
		}
		if err := p.out.Encode(delivered{p.line("deliver"), line, p.notes.List}); err != nil {
			return fmt.Errorf("print preview: %w", err)
		}
		p.notes.List = nil
	}
	if !p.options.Requests {
		items.Reset()
	}
	return nil
}

// refused prints a rejection or a skip; other errors end the preview.
func (p *Preview) refused(err error) error {
	var o any
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		o = rejected{p.line("reject"), r.Stage, r.Reason, r.Field, r.Rule, r.Message(), p.notes.List}
		p.Outcomes[strings.TrimSpace("reject "+string(r.Reason)+" "+r.Field)]++
	} else if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		o = skipped{p.line("skip"), string(skip), p.flow.Sync.conditionOf(skip, p.op), p.read, p.notes.List}
		if p.Outcomes["skip "+string(skip)]++; p.options.Rejected {
			return nil
		}
	} else {
		return err
	}
	if err := p.out.Encode(o); err != nil {
		return fmt.Errorf("print preview: %w", err)
	}
	return nil
}

func (p *Preview) line(outcome string) line { return line{p.Rows, p.position, outcome} }

// conditionOf is the condition that such a skip did not meet, with its setting; "" where there is none.
func (s *Sync) conditionOf(skip pipeline.SkipReason, op pipeline.Op) string {
	switch {
	case skip == pipeline.SkipFiltered && s.When != "":
		return "when: " + s.When
	case skip == pipeline.SkipNotMember && op != pipeline.Delete && s.MemberWhen() != "":
		return "member_when: " + s.MemberWhen()
	}
	return ""
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
	if !p.options.Requests {
		return nil
	}
	if p.flow.sink.file != nil {
		return p.file()
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

// file prints the text of the file that the rows come to.
func (p *Preview) file() error {
	var lines []string
	items := &p.runner.Items
	for i := range items.List {
		var item struct{ Line string }
		if err := json.Unmarshal(items.Body(i), &item); err != nil {
			return fmt.Errorf("make the file: %w", err)
		}
		lines = append(lines, item.Line)
	}
	if err := p.out.Encode(map[string]string{"file": p.flow.sink.file.File(lines)}); err != nil {
		return fmt.Errorf("print preview: %w", err)
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
		p.position = record.Position()
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
