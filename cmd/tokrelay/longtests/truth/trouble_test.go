//go:build synctests

package truth

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// happen lets one thing happen, of those the history has.
func (w *world) happen() {
	things := []func(){w.changes, w.changes, w.changes, w.wait}
	for _, k := range events {
		if w.has[k] {
			things = append(things, w.things(k)...)
		}
	}
	things[w.rand.IntN(len(things))]()
}

// things are what a kind lets happen.
func (w *world) things(k kind) []func() {
	switch k {
	case compaction:
		return []func(){w.compact}
	case vanishing:
		return []func(){w.vanish}
	case keySchemas:
		return []func(){w.registerKey}
	case restarts:
		return []func(){w.leave, w.come}
	case kills:
		return []func(){w.kill, w.come}
	case cuts:
		return []func(){w.cut, w.restore}
	case fences:
		return []func(){w.fence}
	case rivals:
		return []func(){w.rivalComes, w.rivalComes, w.rivalLeaves, w.handOver}
	case instances:
		return []func(){w.come}
	case faults:
		return []func(){w.annoy, w.annoy}
	case late:
		return []func(){w.slow, w.slow}
	}
	return nil
}

func (w *world) changes() {
	for range 1 + w.rand.IntN(1<<w.rand.IntN(6)) {
		w.change(w.tables[w.rand.IntN(len(w.tables))])
	}
	w.flush()
}

func (w *world) wait() {
	<-time.After(time.Duration(w.rand.IntN(1<<(4+w.rand.IntN(11)))) * time.Millisecond)
}

// compact runs the log cleaner.
func (w *world) compact() {
	w.note("compaction")
	w.broker.Compact()
}

// vanish runs it in the state it is in a day later: it takes the tombstones that every sync has read.
func (w *world) vanish() {
	if w.settle(); w.Failed() {
		return
	}
	w.note("compaction takes the tombstones")
	w.retain("0")
	w.broker.Compact()
	w.retain("864000000")
}

// retain says how long tombstones stay, in milliseconds.
func (w *world) retain(ms string) {
	var names []string
	for _, t := range w.tables {
		names = append(names, t.topic)
	}
	config := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "delete.retention.ms", Value: &ms}}
	if _, err := kadm.NewClient(w.client).AlterTopicConfigs(w.Context(), config, names...); err != nil {
		w.Fatal(err)
	}
}

// registerKey has the next keys written under the key schema's other id.
func (w *world) registerKey() {
	w.keySchema = firstKey + secondKey - w.keySchema
	w.note("keys have schema %d", w.keySchema)
}

// come starts a member where there is none, or room for another.
func (w *world) come() {
	if n := len(virtual.Running(w.filler.members)); n == 0 || w.has[instances] && n < 3 {
		w.join()
	}
}

func (w *world) leave() {
	if m := w.any(); m != nil {
		w.note("%s leaves", m.Name)
		m.Leave()
	}
}

func (w *world) kill() {
	if m := w.any(); m != nil {
		w.note("%s is killed", m.Name)
		m.Crash()
	}
}

func (w *world) cut() {
	if m := w.any(); m != nil {
		w.note("%s is cut off", m.Name)
		m.Link.Down()
	}
}

func (w *world) restore() {
	if m := w.any(); m != nil {
		w.note("%s is back", m.Name)
		m.Link.Restore()
	}
}

// fence has the broker answer heartbeats as if it did not know the member, whose calls may be under way.
func (w *world) fence() {
	if w.has[late] {
		w.slow()
	}
	w.changes()
	w.note("the broker forgets a member")
	w.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat}, Err: kerr.UnknownMemberID, Count: 1 + w.rand.IntN(2)})
	w.changes()
}

// troubles of TikTok that are not the rows' fault: no row may be rejected for them.
var troubles = []sandbox.Fault{
	{Code: 40100}, {Code: 40100}, {Code: 40132}, {Code: 50000}, {Code: 51010}, {Code: 60001},
	{HTTPStatus: http.StatusBadGateway}, {HTTPStatus: http.StatusServiceUnavailable}, {Timeout: true}, {Reset: true},
	{Timeout: true, Stage: sandbox.AfterEffect}, {Reset: true, Stage: sandbox.AfterEffect},
	{HTTPStatus: http.StatusGatewayTimeout, Stage: sandbox.AfterEffect}, {Code: 50000, Stage: sandbox.AfterEffect},
}

// annoy gives TikTok a fault that passes.
func (w *world) annoy() {
	f := troubles[w.rand.IntN(len(troubles))]
	f.Count, f.Skip = 1+w.rand.IntN(1<<w.rand.IntN(4)), w.rand.IntN(4)
	w.note("TikTok: %+v", f)
	w.tiktok.AddFault(f)
}

// slow has TikTok take its time with some calls: none longer than their caller waits.
func (w *world) slow() {
	delay := time.Duration(w.rand.Int64N(int64(w.longest)))
	w.note("TikTok takes %v", delay)
	w.tiktok.AddFault(sandbox.Fault{Delay: delay, Count: 1 + w.rand.IntN(20), Skip: w.rand.IntN(4), Every: w.rand.IntN(3)})
}

// lateCalls are calls that TikTok does to their end once they have reached it, whether their caller waits or not. They are
// over once the caller would have given up.
type lateCalls struct {
	next http.RoundTripper
	most time.Duration
}

type outcome struct {
	answer *http.Response
	err    error
}

func (l lateCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), l.most)
	call := r.Clone(ctx)
	call.Body = io.NopCloser(bytes.NewReader(body))
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		answer, err := l.next.RoundTrip(call)
		done <- outcome{answer, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}
