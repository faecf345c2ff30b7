package find

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// tracer brings rows of a sync through its steps, each one for itself, and sends nothing. It belongs to one goroutine.
type tracer struct {
	sync    *daemon.Sync
	flow    *daemon.Flow
	ungated pipeline.Runner // whatever `on` and `when` say
	plain   pipeline.Runner // decodes alone
	private map[string]bool // columns that may identify a person
}

func newTracer(s *daemon.Sync, schemas *registry.Registry) (*tracer, error) {
	flow, err := daemon.NewFlow(s, time.Now, nil)
	if err != nil {
		return nil, err
	}
	if err := flow.DecodeWith(schemas, nil, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	t := &tracer{sync: s, flow: flow, private: private(s), ungated: pipeline.Runner{Steps: flow.Steps()}}
	t.ungated.Steps.Pass, t.ungated.Steps.Leave = nil, nil
	t.plain.Steps.Decode = t.ungated.Steps.Decode
	return t, nil
}

// traced is what a row becomes with the configuration as it is now.
type traced struct {
	items     []json.RawMessage
	eventID   string
	rejection *pipeline.Rejection
	skip      pipeline.SkipReason
	condition string // of the configuration that skips it
}

// trace brings a record through the steps. The error is of what holds it: a schema registry that does not answer.
func (t *tracer) trace(ctx context.Context, r *pipeline.Record) (*traced, error) {
	runner := pipeline.Runner{Steps: t.flow.PreviewSteps()} // that of an audience remembers what was sent of the rows before
	err := runner.Row(ctx, r, 0)
	out := &traced{}
	if rejection, ok := errors.AsType[*pipeline.Rejection](err); ok {
		out.rejection = rejection
	} else if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		out.skip, out.condition = skip, t.condition(skip, runner.Change.Op)
	} else if err != nil {
		return nil, fmt.Errorf("bring the row through the steps of sync %s: %w", t.sync.Name, err)
	}
	items := &runner.Items
	for i := range items.List {
		line, err := t.flow.Line(items, i)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, append(json.RawMessage(nil), line...))
		if id := items.ID(i); len(id) > 0 {
			out.eventID = string(id)
		}
	}
	return out, nil
}

// holds reports whether a column of the row that may identify a person has a text that is wanted.
func (t *tracer) holds(ctx context.Context, r *pipeline.Record, wanted func(text []byte) bool) bool {
	c := &t.plain.Change
	if t.plain.Row(ctx, r, 0) != nil || c.Shape == nil {
		return false
	}
	for _, image := range [...]*pipeline.Image{&c.After, &c.Before} {
		for i, name := range c.Shape.Names {
			if !image.Present || !t.private[name] {
				continue
			}
			if v := image.Value(i); !v.IsNull() && wanted([]byte(v.Text())) {
				return true
			}
		}
	}
	return false
}

// condition is the part of the configuration because of which rows are skipped, as it is written there.
func (t *tracer) condition(skip pipeline.SkipReason, op pipeline.Op) string {
	s := t.sync
	switch {
	case skip == pipeline.SkipFiltered:
		return "`when: " + s.When + "` is false"
	case skip == pipeline.SkipOperation:
		return "`on." + op.String() + "` is skip"
	case skip == pipeline.SkipUnmapped:
		return "`event.map` has no entry for its event, and `event.unmapped` is skip"
	case skip == pipeline.SkipNoConsent:
		return "`consent` does not allow it"
	case skip == pipeline.SkipNotMember && op != pipeline.Delete && s.MemberWhen() != "":
		return "`member_when: " + s.MemberWhen() + "` is false"
	}
	return ""
}

// skipWords say why a row is skipped.
var skipWords = map[pipeline.SkipReason]string{
	pipeline.SkipTombstone: "it is the null that follows a delete", pipeline.SkipHeartbeat: "it is a heartbeat", pipeline.SkipTransaction: "it is of Debezium's transaction topic",
	pipeline.SkipSchemaChange: "it is a change of a schema", pipeline.SkipMessage: "it is a message, not a row", pipeline.SkipTruncate: "a truncate has no rows",
	pipeline.SkipRecordType: "`records` does not name its record type", pipeline.SkipIgnored: "its operation column says ignore",
	pipeline.SkipNoChange: "its membership and identifiers are as before", pipeline.SkipNotMember: "it is no member, and was none",
	pipeline.SkipNoIdentifier: "it has no identifier", pipeline.SkipSuperseded: "a later row of the member decides",
	pipeline.SkipDuplicateReplay: "a later change of the row has overtaken the replay", pipeline.SkipBeforeImage: "it only says what a later row was before",
}

func skipped(skip pipeline.SkipReason, condition string) string {
	if condition == "" {
		condition = skipWords[skip]
	}
	if skip == "" {
		return "skipped"
	}
	if condition == "" {
		return "skipped: " + strings.ReplaceAll(string(skip), "_", " ")
	}
	return "skipped: " + condition
}

// words say what the row becomes.
func (t *traced) words() string {
	switch {
	case t.rejection != nil:
		return "rejected: " + t.rejection.Message()
	case t.skip != "":
		return skipped(t.skip, t.condition)
	}
	return "sent"
}
