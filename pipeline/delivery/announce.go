package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// announce tells the board of every sync a shut valve holds up.
func (g *Gate) announce(v *valve, a *pipeline.Answer) {
	t := &pipeline.Trouble{
		Kind: v.kind, What: v.what(a), Until: v.until,
		Stop: v.kind == pipeline.TroubleToken || v.kind == pipeline.TroubleConfig,
	}
	for _, m := range g.members {
		if v.key.holdsUp(m.q) {
			m.q.trouble(v, t)
		}
	}
}

// what says what TikTok answered and what is done about it. The answer's text is scrubbed already.
func (v *valve) what(a *pipeline.Answer) string {
	text := a.Message
	if text == "" {
		text = a.Verdict.String()
	}
	text += " (" + a.CodeText()
	if a.RequestID != "" {
		text += ", request " + a.RequestID
	}
	text += ")"
	if v.long > longHolds {
		text += "; the day's limit is used up, it is renewed at 00:00 UTC"
	}
	return text
}

// source is the valve's name on the board. One sync may be held up by several at once.
func (v *valve) source() string {
	switch {
	case v.key.queue != nil:
		return "delivery: sync"
	case v.key.field != "":
		return "delivery: " + v.key.endpoint + " " + v.key.field
	case v.key.endpoint != "":
		return "delivery: " + v.key.endpoint
	}
	return "delivery: connection"
}

// open forgets a valve and takes its trouble back.
func (g *Gate) open(v *valve) {
	if g.valves[v.key] == v {
		delete(g.valves, v.key)
	}
	for _, m := range g.members {
		if v.key.holdsUp(m.q) {
			m.q.recovered(v)
		}
	}
}

func (q *Queue) trouble(v *valve, t *pipeline.Trouble) {
	if q.deps.Board == nil || !q.deps.Board.Set(q.deps.Sync, v.source(), t) {
		return
	}
	level := slog.LevelWarn
	if t.Stop {
		level = slog.LevelError
	}
	q.log.Log(context.Background(), level, "sync is held up", "kind", t.Kind, "what", t.What, "until", t.Until)
}

func (q *Queue) recovered(v *valve) {
	if q.deps.Board != nil && q.deps.Board.Clear(q.deps.Sync, v.source()) {
		q.log.Info("sync goes on", "kind", v.kind, "after", time.Since(v.first).Round(time.Millisecond))
	}
}

// TryNow lets calls that wait for a refused token or configuration try again at once: the token's file has changed, say.
func (g *Gate) TryNow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, v := range g.valves {
		if v.kind == pipeline.TroubleToken || v.kind == pipeline.TroubleConfig {
			v.until = now
		}
	}
	g.admit()
}

// workedSince says whether the endpoint has done its work for anybody after a time.
func (g *Gate) workedSince(endpoint string, t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worked[endpoint].After(t)
}
