package delivery

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// announce reports an open breaker as trouble of every sync it holds up.
func (g *Gate) announce(br *breaker, a *pipeline.Answer) {
	t := &pipeline.Trouble{
		Kind: br.kind, What: br.what(a), Until: br.until,
		Stop: br.needsOperator(),
	}
	if !br.isSure() {
		return
	}
	br.told = true
	for _, m := range g.members {
		if br.key.holdsUp(m) {
			m.q.trouble(br, t)
		}
	}
}

// what says what TikTok answered and what is done about it. The answer's text is scrubbed already.
func (br *breaker) what(a *pipeline.Answer) string {
	text := a.Message
	if text == "" {
		text = a.Verdict.String()
	}
	text += " (" + a.CodeText()
	if a.RequestID != "" {
		text += ", request " + a.RequestID
	}
	text += ")"
	if br.key.field != "" {
		text = br.name + ": " + text
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
	for _, m := range g.members {
		if br.key.holdsUp(m) {
			m.q.recovered(br)
		}
	}
}

func (q *Queue) trouble(br *breaker, t *pipeline.Trouble) {
	if q.deps.Status != nil {
		q.deps.Status.Set(q.deps.Sync, br.source(), t)
	}
}

func (q *Queue) recovered(br *breaker) {
	if q.deps.Status != nil {
		q.deps.Status.Clear(q.deps.Sync, br.source())
	}
}

// release closes a destination's breaker: what waits behind it is to be tried, for its rows are rejected one way or the other.
func (g *Gate) release(q *Queue, field string) {
	g.mu.Lock()
	defer g.mu.Unlock()
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
