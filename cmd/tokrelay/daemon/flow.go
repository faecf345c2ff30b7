package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// Flow is a sync's way from record to items, compiled: decode, pass, make. run, preview and replay share it.
type Flow struct {
	Sync   *Sync
	Wanted cdc.Wanted
	Old    []string // columns that are read from the old row

	Loads LoadColumns

	sink   *sinkPlan
	gate   *mapping.Gate
	decode func(ctx context.Context, r *pipeline.Record, into *pipeline.Change) error
}

// NewFlow compiles the sync's gate and sink. A nil m counts nothing.
func NewFlow(s *Sync, now func() time.Time, m *Metrics) (*Flow, error) {
	f := &Flow{Sync: s}
	cols := &mapping.Columns{}
	cols.LeaveOut(s.operationColumns()...)
	cols.OnSuspect(f.Loads.Add)
	var err error
	if f.sink, err = s.compile(cols, now, cmp.Or(m, &Metrics{})); err != nil {
		return nil, fmt.Errorf("sync %s: %w", s.Name, err)
	}
	if f.gate, err = mapping.NewGate(s.On, f.sink.gate, s.When, cols, now); err != nil {
		return nil, fmt.Errorf("sync %s: %w", s.Name, err)
	}
	f.Wanted.Columns, f.Wanted.All = cols.Wanted()
	f.Wanted.Sent = func(op pipeline.Op) bool { return s.On.Sends(f.sink.gate, op) }
	f.Wanted.Optional, f.Wanted.AnyOf, f.Old = cols.Optional(), cols.AnyOfs(), cols.Old()
	return f, nil
}

// DecodeWith sets the decoder of Kafka records. A nil m counts nothing.
func (f *Flow) DecodeWith(schemas cdc.Schemas, m *cdc.Metrics, log *slog.Logger) error {
	config := f.Sync.Config
	config.Log, config.Tombstones = log.With("sync", f.Sync.Name), f.Sync.tombstones()
	f.Loads.log = config.Log
	decoder, err := cdc.NewDecoder(config, f.Wanted, schemas, m)
	if err != nil {
		return fmt.Errorf("sync %s: %w", f.Sync.Name, err)
	}
	f.decode = decoder.Decode
	return nil
}

// Steps are the flow's steps for one worker.
func (f *Flow) Steps() pipeline.Steps {
	return stepsOf(f.sink.newMaker(), pipeline.Steps{Decode: f.decode, Pass: f.gate.Worker().Pass})
}

// stepsOf are steps that end in a maker. One of members says what follows of rows that are rejected, too.
func stepsOf(m Maker, s pipeline.Steps) pipeline.Steps {
	s.Make = m.Make
	if l, ok := m.(leaver); ok {
		s.Leave = l.Leave
	}
	return s
}

type leaver interface {
	Leave(items *pipeline.Items, row int, c *pipeline.Change, why error)
}

// PreviewSteps are the flow's steps for a preview: those of a sink that looks at what a member was begin with no memory.
func (f *Flow) PreviewSteps() pipeline.Steps {
	steps := f.Steps()
	if f.sink.previewMaker != nil {
		steps = stepsOf(f.sink.previewMaker(), steps)
	}
	return steps
}

// Line is an item as preview prints it.
func (f *Flow) Line(items *pipeline.Items, i int) ([]byte, error) {
	if f.sink.line == nil {
		return items.Body(i), nil
	}
	return f.sink.line(items.Envelope(i), items.Body(i))
}

// Endpoint is the path its calls go to, below the API's base.
func (f *Flow) Endpoint() string { return f.sink.endpoint }

// Requests puts items into requests as delivery does when all of them wait together: by envelope, in order, up to the
// sink's limits.
func (f *Flow) Requests(items *pipeline.Items) ([][]byte, error) {
	var requests [][]byte
	if f.sink.appendRequest == nil { // a file is uploaded whole, not row by row
		return nil, nil
	}
	if f.sink.net != nil {
		net, err := f.sink.net(items)
		if err != nil {
			return nil, err
		}
		items = net
	}
	for e, envelope := range items.Envelopes {
		var bodies [][]byte
		size := 0
		flush := func() {
			if len(bodies) > 0 {
				requests = append(requests, f.sink.appendRequest(nil, envelope, bodies))
			}
			bodies, size = nil, 0
		}
		for i := range items.List {
			if int(items.List[i].Envelope) != e {
				continue
			}
			if len(bodies) == f.sink.maxItems || size+len(items.Body(i)) > f.sink.maxBytes {
				flush()
			}
			bodies, size = append(bodies, items.Body(i)), size+len(items.Body(i))+1
		}
		flush()
	}
	return requests, nil
}
