package delivery

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// announce reports an open breaker as trouble of every sync it holds up.
func (g *Gate) announce(br *breaker) {
	t := &pipeline.Trouble{
		Kind: br.kind, What: br.what(), Until: br.until,
		Stop: br.needsOperator(),
	}
	if br.asking || !br.isSure() {
		return
	}
	br.told = true
	source := br.source()
	for _, m := range g.members {
		if br.key.holdsUp(m) {
			g.report(m.q, func(s *pipeline.Status) { s.Set(m.q.deps.Sync, source, t) })
		}
	}
}

// says is what TikTok answered. The answer's text is scrubbed already.
func says(a *pipeline.Answer) string {
	text := cmp.Or(a.Message, a.Verdict.String()) + " (" + a.CodeText()
	if a.RequestID != "" {
		text += ", request " + a.RequestID
	}
	return text + ")"
}

// what says what is wrong, what TikTok answered and what is done about it.
func (br *breaker) what() string {
	text := br.says
	if br.key.field != "" {
		text = br.name + ": " + text
	}
	if br.learnt != "" {
		text = br.learnt + "; TikTok answers " + text
	}
	if br.kind == pipeline.TroubleRefused {
		text += "; it refuses whatever is sent, so that no row is blamed: its rows wait"
	}
	if br.long > longHolds {
		text += "; the day's limit is used up, it is renewed at 00:00 UTC"
	}
	return text
}

// nameOf is a destination in words. One that rows choose is a number: what a row holds does not go into logs.
func nameOf(q *Queue, field string) string {
	if q.deps.Misdirected == "" {
		return field
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(field)) // never fails
	return fmt.Sprintf("a destination that rows name (%08x)", h.Sum32())
}

// source is the breaker's name in the status. One sync may be held up by several at once.
func (br *breaker) source() string {
	switch {
	case br.key.queue != nil:
		return "delivery: sync"
	case br.key.field != "":
		return "delivery: " + br.key.endpoint + " " + br.name
	case br.key.endpoint != "":
		return "delivery: " + br.key.endpoint
	}
	return "delivery: connection"
}

// reset closes a breaker and takes its trouble back.
func (g *Gate) reset(br *breaker) {
	if g.breakers[br.key] == br {
		delete(g.breakers, br.key)
	}
	if br.told && br.kind == pipeline.TroubleRefused {
		g.record.destination(br.key).holds++
	}
	source := br.source()
	for _, m := range g.members {
		if br.key.holdsUp(m) {
			g.report(m.q, func(s *pipeline.Status) { s.Clear(m.q.deps.Sync, source) })
		}
	}
}

func (g *Gate) report(q *Queue, what func(*pipeline.Status)) {
	if q.deps.Status != nil {
		g.news = append(g.news, func() { what(q.deps.Status) })
	}
}

// release closes a destination's breaker: what waits behind it is to be tried, for its rows are rejected one way or the other.
func (g *Gate) release(q *Queue, field string) {
	g.mu.Lock()
	defer g.unlock()
	if br := g.breakers[destinationKey(q, field)]; br != nil {
		g.reset(br)
		g.admit()
	}
}

// TryNow lets calls that wait for an operator try again at once: the token's file has changed, for example.
func (g *Gate) TryNow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, br := range g.breakers {
		if br.needsOperator() {
			br.until = now
		}
	}
	g.admit()
}
