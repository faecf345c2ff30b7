package delivery

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

var (
	runs = flag.Int("runs", 120, "runs of the model test")
	seed = flag.Uint64("seed", 0, "seed of the model test; 0: a new one")
)

// The laws of delivery, whatever TikTok answers: every row settles, once; no good row is dead-lettered and no poison row
// delivered; what TikTok took, taken once per id, is the good rows; and the calls are bounded.
func TestWhateverTikTokAnswersEveryRowSettlesOnceAndRightly(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("seed %d", first)
	for i := range uint64(*runs) {
		ok := t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, first+i).run() })
		})
		if !ok {
			t.Fatalf("broken law; again with: -seed %d -runs 1", first+i)
		}
	}
}

// model is a sync of random shape with a TikTok of random faults.
type model struct {
	*testing.T
	rand   *rand.Rand
	w      *world
	chunks []*pipeline.Chunk
	items  []*pipeline.Items

	mu       sync.Mutex
	poison   map[string]bool // ids that TikTok refuses
	taken    map[string]int
	faults   int       // bad answers that TikTok still has
	spell    time.Time // until when it refuses the token or the path
	badSpell pipeline.Answer
	decided  int            // calls that were accepted or refused
	failed   map[string]int // calls that failed, by the only id they held
}

func newModel(t *testing.T, seed uint64) *model {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &model{T: t, rand: r, poison: map[string]bool{}, taken: map[string]int{}, failed: map[string]int{}, faults: r.IntN(40)}
	cfg := Config{
		MaxItems: 1 + r.IntN(1<<r.IntN(7)), Capacity: 1 + r.IntN(300), Grace: time.Second,
		Linger: time.Duration(r.IntN(2)*r.IntN(1000)) * time.Millisecond,
	}
	gate := NewGate(GateConfig{CallsInFlight: 1 + r.IntN(8), Advertiser: float64(r.IntN(2) * (1 + r.IntN(100)))})
	m.w = newWorld(t, options{Config: cfg, gate: gate, calls: r.IntN(2) == 0}, m.answer)
	for range 1 + r.IntN(6) {
		m.addChunk(1 + r.IntN(60))
	}
	return m
}

// addChunk makes rows of one item, some of several, few of none; some of them poison.
func (m *model) addChunk(n int) {
	records, items := make([]pipeline.Record, n), &pipeline.Items{}
	for row := range records {
		offset := int64(len(m.chunks)*1000 + row)
		records[row] = pipeline.Record{Topic: "orders", Offset: offset}
		count := 1
		if m.rand.IntN(10) == 0 {
			count = m.rand.IntN(4)
		}
		for i := range count {
			id := fmt.Sprintf("%d-%d", offset, i)
			add(items, int32(row), id, "pixel "+strconv.Itoa(m.rand.IntN(1+m.rand.IntN(2))))
			m.poison[id] = m.rand.IntN(25) == 0
		}
	}
	m.chunks, m.items = append(m.chunks, pipeline.NewChunk(records)), append(m.items, items)
}

func (m *model) run() {
	stop := m.others()
	var all sync.WaitGroup
	for i, c := range m.chunks {
		m.mu.Lock()
		impatient, pause := m.rand.IntN(4) == 0, time.Duration(m.rand.IntN(300))*time.Millisecond
		m.mu.Unlock()
		elapse(pause)
		all.Go(func() { m.deliver(c, m.items[i], impatient) })
	}
	all.Wait()
	stop()
	m.checkRows()
	m.checkCalls()
}

// others deliver a good item of another sync to each pixel now and then until stopped: without them it could not be said of the
// last items whether they or TikTok are to blame.
func (m *model) others() (stop func()) {
	done := make(chan struct{})
	other := newWorld(m.T, options{gate: m.w.gate, name: "other"}, m.answer)
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(30 * time.Second):
			}
			items := &pipeline.Items{}
			add(items, 0, fmt.Sprint("other ", n), "pixel "+strconv.Itoa(n%2))
			other.must(pipeline.NewChunk(make([]pipeline.Record, 1)), items)
		}
	})
	return func() { close(done); all.Wait() }
}

// deliver hands a chunk over until it is settled; an impatient router leaves now and then, and comes again.
func (m *model) deliver(c *pipeline.Chunk, items *pipeline.Items, impatient bool) {
	for patience := 100 * time.Millisecond; ; patience *= 3 {
		ctx, cancel := context.WithCancel(context.Background())
		if impatient {
			ctx, cancel = context.WithTimeout(ctx, patience)
		}
		err := m.w.queue.Deliver(ctx, c, items)
		cancel()
		if err == nil {
			return
		}
	}
}

// answer is TikTok's: a fault is one, before or after it took the call; else the rows decide.
func (m *model) answer(call sent) pipeline.Answer {
	m.mu.Lock()
	latency := time.Duration(m.rand.IntN(200)) * time.Millisecond
	a, effect := m.fault(call)
	if effect {
		a = m.classify(call, a)
	}
	m.mu.Unlock()
	select {
	case <-time.After(latency):
		return a
	case <-call.ctx.Done():
		return pipeline.Answer{Verdict: pipeline.Retry, Network: "canceled"}
	}
}

// fault is a bad answer, if TikTok has one, and whether the call has its effect all the same.
func (m *model) fault(call sent) (bad pipeline.Answer, effect bool) {
	if call.at.Before(m.spell) {
		return m.badSpell, false
	}
	if m.faults == 0 || m.rand.IntN(3) > 0 || m.spared(call) {
		return yes, true
	}
	m.faults--
	reset := pipeline.Answer{Verdict: pipeline.Retry, Network: "reset"}
	scopes := []pipeline.Scope{pipeline.ScopeApp, pipeline.ScopeEndpoint, pipeline.ScopeField, pipeline.ScopeAdvertiser}
	throttled := tooOften
	throttled.Scope = scopes[m.rand.IntN(4)]
	switch m.rand.IntN(8) {
	case 0:
		m.spell, m.badSpell = call.at.Add(time.Duration(m.rand.IntN(1000))*time.Second), []pipeline.Answer{denied, broken, away, throttled}[m.rand.IntN(4)]
		return m.badSpell, false
	case 1, 2:
		return throttled, false
	case 3, 4:
		return away, false
	case 5:
		return reset, false
	}
	return reset, true
}

// spared reports whether one more failed call might have its row given up, and rightly so: a row that fails that often, alone,
// while others get through cannot be told from one that TikTok stumbles over.
func (m *model) spared(call sent) bool {
	if len(call.ids) > 1 {
		return false
	}
	id := call.ids[0]
	m.failed[id]++
	return m.failed[id] > m.w.queue.cfg.Retry.Attempts/2
}

// classify takes the call whole or refuses it whole.
func (m *model) classify(call sent, answer pipeline.Answer) pipeline.Answer {
	bad := slices.ContainsFunc(call.ids, func(id string) bool { return m.poison[id] })
	ours := !strings.HasPrefix(call.ids[0], "other")
	if bad {
		if answer.Verdict == pipeline.Accepted {
			m.decided++
			answer = no
		}
		return answer
	}
	for _, id := range call.ids {
		m.taken[id]++
	}
	if ours && answer.Verdict == pipeline.Accepted {
		m.decided++
	}
	return answer
}

func (m *model) checkRows() {
	letters := map[int64]int{}
	for _, l := range m.w.dead.all() {
		letters[l.Record.Offset]++
	}
	for i, c := range m.chunks {
		for row := range c.Records {
			m.checkRow(c, m.items[i], row, letters)
		}
	}
}

func (m *model) checkRow(c *pipeline.Chunk, items *pipeline.Items, row int, letters map[int64]int) {
	want, ids := pipeline.Delivered, 0
	for i, it := range items.List {
		if int(it.Row) != row {
			continue
		}
		ids++
		id := string(items.ID(i))
		if m.poison[id] {
			want = pipeline.DeadLettered
		} else if m.taken[id] == 0 {
			m.Errorf("good item %s never reached TikTok", id)
		}
	}
	if ids == 0 {
		want = pipeline.Unsettled // a row without items is the router's to settle
	}
	if got := c.Settled(row); got != want {
		m.Errorf("row %d: got %v, want %v; dead letters %v", c.Records[row].Offset, got, want, m.w.dead.reasons())
	}
	if got := letters[c.Records[row].Offset]; (got > 0) != (want == pipeline.DeadLettered) {
		m.Errorf("row %d: got %d dead letters, outcome %v", c.Records[row].Offset, got, want)
	}
}

// probes are the calls that ask, one at a time, whether TikTok refuses everything: until others of the pixel are delivered, each
// minute, it cannot be said who is to blame.
const probes = 24

// checkCalls bounds the calls TikTok decided on: as many as there are items, if each went alone, and the search for the
// bad ones. A delivery that left and came again may repeat them.
func (m *model) checkCalls() {
	items, bad := 0, 0.0
	for _, it := range m.items {
		items += len(it.List)
	}
	for _, is := range m.poison {
		if is {
			bad++
		}
	}
	most := float64(m.w.queue.cfg.MaxItems)
	bound := 3*(float64(items)+bad*(2*math.Log2(most)+4)) + probes
	if float64(m.decided) > bound {
		m.Errorf("calls: got %d, want at most %.0f for %d items, %.0f of them bad", m.decided, bound, items, bad)
	}
}
