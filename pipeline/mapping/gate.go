package mapping

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// On says per operation whether its rows are sent: "send", "skip", or "" for the sink's default.
type On struct {
	Insert   string `yaml:"insert" enum:"send,skip" doc:"new rows"`
	Snapshot string `yaml:"snapshot" enum:"send,skip" doc:"rows read while a table is copied: they may be old"`
	Update   string `yaml:"update" enum:"send,skip" doc:"changed rows"`
	Delete   string `yaml:"delete" enum:"send,skip" doc:"deleted rows, read from their last image"`
}

// EventDefaults are the operations web events are made of: Insert mode.
var EventDefaults = On{Insert: "send", Snapshot: "skip", Update: "skip", Delete: "skip"}

// AllOps are the operations a sink that follows a table needs: all.
var AllOps = On{Insert: "send", Snapshot: "send", Update: "send", Delete: "send"}

func (o On) of(op pipeline.Op) string {
	switch op {
	case pipeline.Insert:
		return o.Insert
	case pipeline.Snapshot:
		return o.Snapshot
	case pipeline.Update:
		return o.Update
	case pipeline.Delete:
		return o.Delete
	}
	return ""
}

// Validate warns of a gate that lets nothing through.
func (o On) Validate(defaults On, at settings.Place) {
	for _, op := range pipeline.Ops {
		if o.Sends(defaults, op) {
			return
		}
	}
	at.Problem("at least one operation must be sent", "")
}

// Sends reports whether rows of that operation are sent, where defaults say what is not said.
func (o On) Sends(defaults On, op pipeline.Op) bool {
	if said := o.of(op); said != "" {
		return said == "send"
	}
	return defaults.of(op) == "send"
}

// Gate decides which rows of a sync are its sink's business: `on` and `when`. A Gate belongs to one goroutine; Worker
// makes one for another.
type Gate struct {
	send [pipeline.Delete + 1]bool
	when *Condition
	row  *Row
}

// NewGate compiles a gate whose `when` CheckCondition has passed.
func NewGate(on, defaults On, when string, cols *Columns, now func() time.Time) (*Gate, error) {
	condition, err := NewCondition(when, cols)
	if err != nil {
		return nil, err
	}
	g := &Gate{when: condition, row: NewRow(now)}
	for _, op := range pipeline.Ops {
		g.send[op] = on.Sends(defaults, op)
	}
	return g, nil
}

// Worker is the same gate for another goroutine.
func (g *Gate) Worker() *Gate {
	return &Gate{send: g.send, when: g.when, row: NewRow(g.row.eval.now)}
}

// Pass is nil for a row to go on with, a pipeline.SkipReason for one to skip, or a *pipeline.Rejection.
func (g *Gate) Pass(c *pipeline.Change) error {
	if int(c.Op) >= len(g.send) || !g.send[c.Op] {
		return pipeline.SkipOperation
	}
	if g.when == nil {
		return nil
	}
	g.row.Begin(c)
	yes, err := g.when.True(g.row, "when")
	switch {
	case err != nil:
		return err
	case !yes:
		return pipeline.SkipFiltered
	}
	return nil
}
