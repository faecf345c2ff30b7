package segment

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Queue sends items and settles their rows; it is pipeline/delivery's.
type Queue interface {
	Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error
}

// Audiences finds audiences, or creates them.
type Audiences interface {
	// IDs are the audience's ids at TikTok, one per advertiser; name is what a row calls it, nothing for the sync's own.
	// The error is a *pipeline.Trouble, an *audience.Refused or an *audience.Held.
	IDs(ctx context.Context, name string) ([]string, error)
}

// TellerDeps are a Teller's neighbours.
type TellerDeps struct {
	Sync        string
	Queue       Queue
	DeadLetters DeadLetters
	Audiences   Audiences
	Longest     time.Duration    // a call may take: for so long one without an answer may still have its effect
	Status      *pipeline.Status // nil: none
	Log         *slog.Logger     // nil: none
}

// Teller tells TikTok what the owners of digests have to say because of one sync's rows. It is safe for concurrent use.
type Teller struct {
	plan *Plan
	deps TellerDeps
}

// NewTeller puts one together.
func NewTeller(p *Plan, deps TellerDeps) *Teller {
	if deps.Status == nil {
		deps.Status = pipeline.NewStatus(time.Now)
	}
	deps.Log = cmp.Or(deps.Log, slog.New(slog.DiscardHandler))
	return &Teller{plan: p, deps: deps}
}

// Tell tells TikTok, and gives each saying an outcome: see owners.ClaimsOptions. They are of one audience.
func (t *Teller) Tell(ctx context.Context, list []owners.Saying) {
	err := t.tell(ctx, list)
	if err != nil && ctx.Err() == nil && !errors.Is(err, pipeline.ErrHeld) {
		t.deps.Log.Warn("a streamed audience is told later", "sync", t.deps.Sync, "error", err)
	}
}

func (t *Teller) tell(ctx context.Context, list []owners.Saying) error {
	ids, refused, err := t.audience(ctx, string(list[0].Audience))
	if err != nil {
		return err
	}
	if refused != nil {
		return t.refuse(ctx, list, refused)
	}
	together, err := t.say(ctx, t.elements(inOrder(list), len(list), ids))
	if err == nil && len(together) > 0 {
		_, err = t.say(ctx, t.elements(together, 1, ids))
	}
	return err
}

// say has elements delivered, and gives their sayings outcomes. What was refused together is yet to be said one by one: others may
// want a digest that is good.
func (t *Teller) say(ctx context.Context, e *elements) (together []*owners.Saying, err error) {
	err = t.deps.Queue.Deliver(ctx, e.chunk, &e.items)
	if e.items.Late { // until it cannot have its effect any more, nothing else may be said of these digests
		_ = pipeline.Wait(context.WithoutCancel(ctx), t.deps.Longest)
		return nil, nil
	}
	return e.outcomes(), err
}

// elements are sayings as elements of calls. Each has a row of the chunk: the last of the rows because of which it is said.
type elements struct {
	items pipeline.Items
	chunk *pipeline.Chunk
	of    [][]*owners.Saying
}

// elements puts the digests of one person into one element where they are said together, at most that number; a type that the configuration has not
// any more goes alone.
func (t *Teller) elements(order []*owners.Saying, most int, ids []byte) *elements {
	e := &elements{}
	var records []pipeline.Record
	for len(order) > 0 {
		var c cells
		n := t.plan.fill(&c, order[:min(most, len(order))])
		t.plan.emit(&e.items, int32(len(records)), order[0], &c, ids)
		records = append(records, recordOf(order[0]))
		e.of = append(e.of, order[:n:n])
		order = order[n:]
	}
	e.chunk = pipeline.NewChunk(records)
	return e
}

// inOrder has deletes first, and together what one person's row says.
func inOrder(list []owners.Saying) []*owners.Saying {
	order := make([]*owners.Saying, len(list))
	for i := range list {
		order[i] = &list[i]
	}
	slices.SortStableFunc(order, byPerson)
	return order
}

func byPerson(a, b *owners.Saying) int {
	switch {
	case a.Remove != b.Remove && a.Remove:
		return -1
	case a.Remove != b.Remove:
		return 1
	}
	return cmp.Or(bytes.Compare(a.Audience, b.Audience), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Kind, b.Kind))
}

// recordOf is the row because of which something is said, as far as it is known here.
func recordOf(s *owners.Saying) pipeline.Record {
	p := &s.Source
	return pipeline.Record{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Timestamp: time.UnixMilli(s.Time), Bare: true}
}

// outcomes gives the sayings the outcomes of their elements, and returns those that were refused together with others.
func (e *elements) outcomes() (together []*owners.Saying) {
	for row, of := range e.of {
		if e.chunk.Settled(row) == pipeline.DeadLettered && len(of) > 1 {
			together = append(together, of...)
			continue
		}
		outcome := owners.Unanswered
		switch e.chunk.Settled(row) {
		case pipeline.Delivered:
			outcome = owners.Accepted
		case pipeline.DeadLettered:
			outcome = owners.Refused
		}
		for _, s := range of {
			s.Outcome = outcome
		}
	}
	return together
}

// enough is how often TikTok has to refuse an audience before its rows are rejected.
const enough = 2

// audience is the JSON list of an audience's ids. Trouble is not a reason to give up (P8): it is on the status while it lasts. An
// audience that rows name, and TikTok refuses, is refused.
func (t *Teller) audience(ctx context.Context, name string) (ids []byte, refused *pipeline.Rejection, err error) {
	const source = "audience"
	reported := false
	defer func() {
		if reported {
			t.deps.Status.Clear(t.deps.Sync, source)
		}
	}()
	backoff := pipeline.Backoff{First: 500 * time.Millisecond, Most: 8 * time.Second}
	refusals := 0
	for tries := 0; ; tries++ {
		list, err := t.deps.Audiences.IDs(ctx, name)
		if err == nil {
			return jsonOf(list), nil, nil
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if _, is := errors.AsType[*audience.Refused](err); is {
			refusals++
		}
		if why := t.refusal(name, err, refusals); why != nil {
			return nil, why, nil
		}
		if held, ok := errors.AsType[*audience.Held](err); !ok || !held.Own { // that is on the status
			reported = true
			t.report(source, err)
		}
		if err := pipeline.Wait(ctx, backoff.After(tries)); err != nil {
			return nil, nil, err
		}
	}
}

// refusal is why the rows that name an audience are rejected; nil where they wait.
func (t *Teller) refusal(name string, err error, refusals int) *pipeline.Rejection {
	if _, full := errors.AsType[*audience.Full](err); full {
		return pipeline.Reject(pipeline.StageMap, pipeline.TooManyAudiences, "audience", fmt.Sprintf("one of the %d audiences that audience_segment.most_audiences allows", t.plan.cfg.MostAudiences))
	}
	if no, is := errors.AsType[*audience.Refused](err); is && refusals >= enough && name != "" {
		return &pipeline.Rejection{Stage: pipeline.StageSend, Reason: pipeline.UnknownAudience, Field: "audience", APIMessage: no.What}
	}
	return nil
}

// refuse writes dead letters for what cannot be said. What an audience is to lose that TikTok refuses was never in it.
func (t *Teller) refuse(ctx context.Context, list []owners.Saying, why *pipeline.Rejection) error {
	var letters []pipeline.Letter
	for i := range list {
		if s := &list[i]; !s.Remove {
			r := recordOf(s)
			letters = append(letters, pipeline.Letter{Record: &r, Rejection: why, Persons: s.Digest[:min(len(s.Digest), pipeline.DigestPrefix)]})
		}
	}
	if len(letters) > 0 {
		if err := t.deps.DeadLetters.Rows(ctx, letters); err != nil {
			return err
		}
	}
	for i := range list {
		list[i].Outcome = owners.Refused
	}
	for range letters {
		t.plan.rows.Rejected(why)
	}
	return nil
}

func (t *Teller) report(source string, err error) {
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok {
		trouble = &pipeline.Trouble{Kind: pipeline.TroubleState, What: err.Error()}
	}
	t.deps.Status.Set(t.deps.Sync, source, trouble)
}
