package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/notify"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

const (
	noticeEvery = ReportEvery
	passesBy    = 10 * time.Minute // trouble that may pass by itself is told when it has lasted this long
	overFor     = time.Minute      // trouble is over when nothing was heard of it for this long: an instance may have restarted
	noticesKey  = "notices/"
)

// told is what a channel was told, as the state topic keeps it: another instance goes on from there, and nothing is told twice.
type told struct {
	Held    map[string]HeldBy `json:"held,omitempty"`    // by sync/kind
	Uploads map[string]string `json:"uploads,omitempty"` // the newest run, by sync
}

// notices tells operators what the instances report. One instance does: the one whose report's key is the first.
type notices struct {
	d      *Daemon
	key    string // of this instance's report
	began  time.Time
	absent map[string]time.Time // trouble that was told, and of which nothing is heard, since when
	failed map[string]bool      // channels that did not work last time
}

// tellOperators tells until ctx ends.
func (d *Daemon) tellOperators(ctx context.Context, reportKey string) {
	n := &notices{d: d, key: reportKey, began: time.Now(), absent: map[string]time.Time{}, failed: map[string]bool{}}
	channels := d.Wiring.Config.Notify.Channels()
	for len(channels) > 0 && pipeline.Wait(ctx, noticeEvery) == nil {
		if !n.first() {
			clear(n.absent)
			continue
		}
		held, uploads := n.held(), n.uploads(ctx)
		for _, c := range channels {
			n.tell(ctx, c, held, uploads)
		}
	}
}

// first reports whether this instance is the one that tells.
func (n *notices) first() bool {
	all := reports(n.d.Wiring.State)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if time.Since(all[key].At) < reportIsOld {
			return key == n.key
		}
	}
	return false
}

// held is the trouble of all instances, by sync/kind. Pauses are on purpose.
func (n *notices) held() map[string]HeldBy {
	held, running := map[string]HeldBy{}, instances(n.d.Wiring.State)
	for _, name := range n.d.Wiring.syncNames() {
		g := &GroupState{Sync: name}
		g.hear(running)
		for _, w := range g.Waits {
			held[name+"/"+string(w.Kind)] = w.HeldBy
		}
	}
	return held
}

// uploads are the newest runs of file audiences that became whole.
func (n *notices) uploads(ctx context.Context) map[string]audiencefile.Manifest {
	done := map[string]audiencefile.Manifest{}
	for _, name := range n.d.Wiring.syncNames() {
		runs, err := n.d.Uploads(ctx, name)
		i := slices.IndexFunc(runs, func(m audiencefile.Manifest) bool { return m.Result == audiencefile.Uploaded })
		if err == nil && i >= 0 && runs[i].Ended.After(n.began) {
			done[name] = runs[i]
		}
	}
	return done
}

// tell tells one channel what it does not know. What could not be told is told next time.
func (n *notices) tell(ctx context.Context, c notify.Channel, held map[string]HeldBy, uploads map[string]audiencefile.Manifest) {
	was := told{}
	if doc, ok := n.d.Wiring.State.Get(noticesKey + c.Name); ok {
		_ = json.Unmarshal(doc, &was) // of another version: everything is told again
	}
	now := told{Held: maps.Clone(was.Held), Uploads: maps.Clone(was.Uploads)}
	if now.Held == nil {
		now.Held = map[string]HeldBy{}
	}
	if now.Uploads == nil {
		now.Uploads = map[string]string{}
	}
	changed := false
	for _, next := range n.news(&was, held, uploads) {
		if !n.sent(ctx, c, next.notice) {
			break
		}
		next.note(&now)
		changed = true
	}
	if !changed {
		return
	}
	doc, err := json.Marshal(now)
	if err == nil {
		err = n.d.Wiring.State.Put(ctx, noticesKey+c.Name, doc)
	}
	if err != nil && ctx.Err() == nil {
		n.d.Wiring.Log.Warn("what operators were told cannot be noted: they are told again", "channel", c.Name, "error", err)
	}
}

// news is a notice, and how it is noted that it was told.
type news struct {
	notice notify.Notice
	note   func(*told)
}

func (n *notices) news(was *told, held map[string]HeldBy, uploads map[string]audiencefile.Manifest) (list []news) {
	for _, key := range slices.Sorted(maps.Keys(held)) {
		h := held[key]
		delete(n.absent, key)
		if _, known := was.Held[key]; !known && (h.Stop || time.Since(h.Since) >= passesBy) {
			list = append(list, news{n.notice(notify.Held, key, h, h.What), func(t *told) { t.Held[key] = h }})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was.Held)) {
		if _, still := held[key]; still {
			continue
		}
		if n.absent[key].IsZero() {
			n.absent[key] = time.Now()
		}
		if time.Since(n.absent[key]) >= overFor {
			h := was.Held[key]
			text := fmt.Sprintf("It was held up for %s: %s", n.absent[key].Sub(h.Since).Round(time.Second), h.What)
			list = append(list, news{n.notice(notify.Resumed, key, h, text), func(t *told) { delete(t.Held, key) }})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(uploads)) {
		if m := uploads[name]; was.Uploads[name] != m.Run {
			list = append(list, news{n.notice(notify.Uploaded, name+"/", HeldBy{}, m.Text), func(t *told) { t.Uploads[name] = m.Run }})
		}
	}
	return list
}

func (n *notices) notice(event notify.Event, key string, h HeldBy, text string) notify.Notice {
	sync, kind, _ := strings.Cut(key, "/")
	return notify.Notice{Event: event, Group: n.d.Wiring.Config.Kafka.Group, Sync: sync, Kind: kind, Urgent: h.Stop, Text: text, Since: h.Since, Version: n.d.Version()}
}

// sent sends a notice. The log has the first failure of several.
func (n *notices) sent(ctx context.Context, c notify.Channel, notice notify.Notice) bool {
	err := c.Send(ctx, notice)
	if err != nil && !n.failed[c.Name] && ctx.Err() == nil {
		n.d.Wiring.Log.Error("operators cannot be told: it is tried again", "channel", c.Name, "error", err)
	}
	n.failed[c.Name] = err != nil
	return err == nil
}
