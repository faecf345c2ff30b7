package find

import (
	"context"
	"encoding/json"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// Why is what a dead letter does not say by itself: where the refused field's value comes from, and the row next to what is sent of it.
type Why struct {
	From   string     `json:"from,omitempty"`
	Fields []Compared `json:"fields,omitempty"`
	Today  string     `json:"today,omitempty"` // what the row becomes with the configuration as it is now
}

// Explainer explains the dead letters of a configuration. It belongs to one goroutine.
type Explainer struct {
	config  *daemon.Config
	admin   *admin.Client
	schemas *registry.Registry
	opener  *deadletter.Opener
	tracers map[string]*tracer
}

// NewExplainer makes one. The registry is one that does not wait for schemas that are missing.
func NewExplainer(c *daemon.Config, client *admin.Client, schemas *registry.Registry) *Explainer {
	return &Explainer{config: c, admin: client, schemas: schemas, opener: c.NewOpener(client, schemas, true), tracers: map[string]*tracer{}}
}

// Why explains a letter; of a sync that the configuration does not have any more, nothing.
func (x *Explainer) Why(ctx context.Context, d *deadletter.Dead) *Why {
	why := &Why{}
	s, err := x.config.Sync(d.Sync)
	if err != nil || d.Omitted == deadletter.OmittedUnreadable {
		return why
	}
	if o, ok := s.OriginOf(d.Rejection.Field); ok {
		why.From = o.Words
	}
	if err := x.today(ctx, s, d, why); err != nil { // what the letter says is enough
		why.Today = "not known: " + err.Error()
	}
	return why
}

// today brings the row through the steps of its sync.
func (x *Explainer) today(ctx context.Context, s *daemon.Sync, d *deadletter.Dead, why *Why) (err error) {
	record := &d.Record
	if d.AtSource() {
		if record, err = d.Source(ctx, daemon.LettersIn(x.admin)); err != nil || record == nil {
			return err
		}
	}
	t := x.tracers[s.Name]
	if t == nil {
		if t, err = newTracer(s, x.schemas); err != nil {
			return err
		}
		x.tracers[s.Name] = t
	}
	row, err := x.opener.Row(ctx, s.Name, record)
	if err != nil {
		return err
	}
	out, err := t.trace(ctx, record)
	if err != nil {
		return err
	}
	why.Today = out.words()
	why.Fields = Compare(s, row, last(out.items), d.Rejection.Field)
	return nil
}

func last(items []json.RawMessage) json.RawMessage {
	if len(items) == 0 {
		return nil
	}
	return items[len(items)-1]
}
