package segment

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Preview shows what rows would have TikTok told, one after the other, with a memory of its own that begins empty. It
// reaches nothing: audiences are in requests by the names the configuration or the row has for them. Its items are
// elements of requests. It belongs to one goroutine.
type Preview struct {
	maker   *Maker
	flush   flush
	members map[key][]byte
	claims  map[string]int // members by claim
}

// NewPreview makes a Preview that has seen no row.
func (p *Plan) NewPreview() *Preview {
	v := &Preview{maker: p.Maker(), members: map[key][]byte{}, claims: map[string]int{}}
	v.maker.keyless = true
	v.flush.sink = NewSink(p, Deps{Audiences: named(p.cfg.Audience)})
	v.flush.lists = map[string][]byte{}
	return v
}

// Make appends the row's operations, deletes first. Its error is a *pipeline.Rejection or a pipeline.SkipReason.
func (v *Preview) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	v.maker.digests.Notes = items.Notes
	t, err := v.maker.transition(c)
	if err != nil {
		return err
	}
	held := v.held(c, &t)
	r := rowPlan{transition: t}
	v.flush.sets = v.flush.sets[:0]
	v.flush.complete(&r, len(held) > 0, held)
	t = r.transition
	switch {
	case r.lacking:
		return unavailable(section)
	case t.member && len(t.now) == 0 && len(held) == 0:
		return v.maker.plan.cfg.Nobody(section)
	}
	switch sent, err := v.become(items, row, c, &t, held); {
	case sent || err != nil:
		return err
	case !t.member && len(held) == 0:
		return pipeline.SkipNotMember
	}
	return pipeline.SkipNoChange
}

// Leave appends what a rejected or filtered row would have TikTok told: its member leaves.
func (v *Preview) Leave(items *pipeline.Items, row int, c *pipeline.Change, why error) {
	if t, ok := v.maker.leaving(c, why); ok {
		_, _ = v.become(items, row, c, &t, v.held(c, &t))
	}
}

// held is what TikTok holds of the row's member.
func (v *Preview) held(c *pipeline.Change, t *transition) []byte {
	if remembered, ok := v.members[keyOf("", nil, c.Key)]; ok {
		return remembered
	}
	return t.old
}

// become appends the operations that make of what is held what the transition says, and reports whether there are any.
func (v *Preview) become(items *pipeline.Items, row int, c *pipeline.Change, t *transition, held []byte) (sent bool, err error) {
	k := keyOf("", nil, c.Key)
	_, remembered := v.members[k]
	v.note(k, c, held, t.now)
	v.plan(held, t.now, t.doubtful && !remembered)
	if len(v.flush.ops) == 0 {
		return false, nil
	}
	return true, v.emit(items, row)
}

// note remembers what the member holds now. A row without key is not a member's.
func (v *Preview) note(k key, c *pipeline.Change, held, now []byte) {
	if len(c.Key) == 0 {
		return
	}
	if _, ok := v.members[k]; ok {
		v.count(held, -1)
	}
	v.count(now, 1)
	v.members[k] = append([]byte(nil), now...)
}

func (v *Preview) count(set []byte, by int) {
	for c, rest := next(set); c != nil; c, rest = next(rest) {
		v.claims[string(c)] += by
	}
}

func (v *Preview) plan(held, now []byte, doubtful bool) {
	f := &v.flush
	f.ops, f.rows = f.ops[:0], append(f.rows[:0], rowPlan{})
	for c, rest := next(held); c != nil; c, rest = next(rest) {
		if !holds(now, c) && v.claims[string(c)] == 0 {
			f.ops = append(f.ops, op{claim: c, remove: true})
		}
	}
	for c, rest := next(now); c != nil; c, rest = next(rest) {
		if doubtful || !holds(held, c) {
			f.ops = append(f.ops, op{claim: c})
		}
	}
}

// emit has the operations built as Deliver would and copies them over.
func (v *Preview) emit(items *pipeline.Items, row int) error {
	f := &v.flush
	if err := f.build(context.Background()); err != nil { // its audiences are names: nothing to wait for
		return err
	}
	for i, item := range f.out.List {
		start := int32(len(items.Buf))
		items.Buf = append(items.Buf, f.out.Body(i)...)
		items.List = append(items.List, pipeline.Item{
			Row: int32(row), Start: start, End: int32(len(items.Buf)),
			Envelope: items.EnvelopeIndex([]byte(f.out.Envelopes[item.Envelope])),
		})
	}
	return nil
}

// Line is an element of a request as preview prints it: {"action":"add","ids":{"EMAIL_SHA256":"…"}}.
func (p *Plan) Line(envelope string, body []byte) ([]byte, error) {
	var cells []cell
	if err := json.Unmarshal(body, &cells); err != nil {
		return nil, err
	}
	action, past, _ := readEnvelope(envelope)
	line := append([]byte(`{"action":"`), action...)
	line = append(line, `","ids":{`...)
	first := true
	for i, cell := range cells {
		if cell.ID == "" {
			continue
		}
		if !first {
			line = append(line, ',')
		}
		first = false
		line = append(append(append(line, '"'), p.typeAt(i, past)...), `":"`...)
		line = append(append(line, cell.ID...), '"')
	}
	return append(line, "}}"...), nil
}

// typeAt is the configuration's name for a place in id_schema.
func (p *Plan) typeAt(i int, past string) string {
	if past != "" {
		return kindNamed(past).Name()
	}
	return p.members.Readers[i].Kind.Name()
}

// named is for audiences that were not looked up.
type named Audience

// IDs is the configured id, else the name.
func (a named) IDs(_ context.Context, name string) ([]string, error) {
	return []string{cmp.Or(name, a.ID, a.Name)}, nil
}
