//go:build synctests

package truth

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
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
	w.restless.Store(true)
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
	case freezes:
		return []func(){w.freeze, w.freeze}
	case together:
		return []func(){w.secondComes}
	case resyncing:
		return []func(){w.resyncs}
	case widening:
		return []func(){w.widen}
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

// compact runs the log cleaner. kfake's cleans beyond open transactions, where a real one waits; and of an aborted one it may take the end
// alone, so that all is hidden that its producer writes later: it does not run while there are such.
func (w *world) compact() {
	if !w.cleanable() {
		return
	}
	w.note("compaction")
	w.broker.Compact()
}

func (w *world) cleanable() bool {
	if w.pulse.MayCommitAfterAbort(w.everyone()) {
		return false
	}
	topics, err := kadm.NewClient(w.client).ListTopics(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, topic := range topics.Names() {
		for _, p := range w.broker.PartitionInfos(topic) {
			if p.LastStableOffset < p.HighWatermark {
				return false
			}
		}
	}
	return true
}

// vanish runs it in the state it is in a day later: it takes the tombstones that everyone has read.
func (w *world) vanish() {
	if w.settle(); w.Failed() || !w.cleanable() {
		return
	}
	w.note("compaction takes the tombstones")
	w.retain("0")
	w.broker.Compact()
	w.retain("864000000")
}

// retain says how long tombstones stay, in milliseconds.
func (w *world) retain(ms string) {
	admin := kadm.NewClient(w.client)
	topics, err := admin.ListTopics(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	config := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "delete.retention.ms", Value: &ms}}
	if _, err := admin.AlterTopicConfigs(w.Context(), config, topics.Names()...); err != nil {
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
	list := w.fillers()
	w.comes(list[w.rand.IntN(len(list))])
}

func (w *world) comes(p *party) {
	if n := len(virtual.Running(p.members)); n == 0 || w.has[instances] && n < 3 {
		w.joinAs(p)
	}
}

// leave and kill pass one over that may have called late: who is to tell the others of it could not.
func (w *world) leave() {
	if m := w.any(); m != nil && !m.Link.Thawed(w.longest+3*time.Second) {
		w.note("%s leaves", m.Name)
		m.Leave()
	}
}

func (w *world) kill() {
	if m := w.any(); m != nil && !m.Link.Thawed(w.longest+3*time.Second) {
		w.changes()
		w.wait()
		w.note("%s is killed", m.Name)
		if w.rand.IntN(2) == 0 { // in the middle of something
			doomed := m.Link.Doom()
			w.changes()
			select {
			case <-doomed:
			case <-time.After(5 * time.Second):
			}
		}
		m.Crash()
		w.changes()
	}
}

// freeze has a member do nothing for a while, which may be longer than its sessions.
func (w *world) freeze() {
	if m := w.any(); m != nil {
		w.changes()
		w.wait()
		d := time.Duration(w.rand.Int64N(int64(5 * session)))
		w.note("%s freezes for %v", m.Name, d)
		m.Link.Freeze()
		time.AfterFunc(d, m.Link.Thaw)
		w.changes()
	}
}

// session is that of the members' groups.
const session = 14 * time.Second

// nap has a member freeze now and then before it sends something, or once an answer has come.
func (w *world) nap() time.Duration {
	if !w.restless.Load() {
		return 0
	}
	w.naps.Lock()
	defer w.naps.Unlock()
	if w.naps.rand.IntN(1000) >= w.naps.often {
		return 0
	}
	return time.Duration(w.naps.rand.Int64N(int64(4 * session)))
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
	for _, m := range virtual.Running(w.everyone()) {
		m.Fenced = time.Now()
	}
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

// refuse has TikTok refuse some addresses for good.
func (w *world) refuse() {
	for _, hex := range slices.Sorted(maps.Keys(w.refused)) {
		w.tiktok.AddFault(sandbox.Fault{Name: "refused", ID: hex, Code: 40002, Message: "Invalid parameters."})
	}
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
