package calls

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Recorder writes calls to the topic as well as it can and never makes a caller wait: what comes while its buffer is full,
// and what Kafka does not take, is dropped and counted.
type Recorder struct {
	cfg    Config
	deps   RecorderDeps
	writer writer

	mu      sync.Mutex
	waiting []offered
	bytes   int
	missed  int64     // since the last call that waits
	dropped int64     // in all
	whole   allowance // of good calls
	problem string
	woken   chan struct{}
}

// RecorderDeps are what a recorder is given.
type RecorderDeps struct {
	Instance string
	// Ensure makes sure that the topic is there.
	Ensure func(ctx context.Context) error
	// Produce writes records and returns when each is acknowledged or given up: one error per record.
	Produce func(ctx context.Context, records []pipeline.Record) []error
	// TooLarge reports whether an error says that the topic will never take the record.
	TooLarge func(error) bool
	Metrics  *Metrics // nil: none
	Log      *slog.Logger
}

// offered is a call that waits to be written.
type offered struct {
	entry  *Entry
	missed int64 // calls before it that were dropped
}

const (
	mostWaiting = 4 << 20 // bytes of calls that wait
	mostWritten = 1 << 20 // bytes of calls written together, about
	collecting  = 200 * time.Millisecond
	fewWhole    = 2 << 20 // bytes, so that a low rate still leaves room for the largest calls
	lastWrites  = 2 * time.Second
)

// NewRecorder makes a recorder for the topic of the configuration.
func NewRecorder(c Config, d RecorderDeps) *Recorder {
	d.Metrics = cmp.Or(d.Metrics, NewMetrics(nil))
	var run [4]byte
	_, _ = rand.Read(run[:]) // never fails
	return &Recorder{cfg: c, deps: d, whole: newAllowance(int(c.Rate), max(2*int(c.Rate), fewWhole)), woken: make(chan struct{}, 1),
		writer: writer{instance: d.Instance, run: hex.EncodeToString(run[:])}}
}

// Process is the id of the recorder's process among those of the same instance.
func (r *Recorder) Process() string { return r.writer.run }

// Offer has a call written, or drops it. It does not wait.
func (r *Recorder) Offer(e *Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !e.Brief && e.Good() && !r.whole.takeBytes(e.size()) {
		e = e.brief()
	}
	if r.bytes+e.size() > mostWaiting {
		r.drop(1)
		return
	}
	r.waiting = append(r.waiting, offered{e, r.missed})
	r.missed = 0
	r.bytes += e.size()
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// drop counts calls that are not written. mu is held.
func (r *Recorder) drop(n int64) {
	r.missed += n
	r.dropped += n
	r.deps.Metrics.dropped.Add(float64(n))
}

// Dropped is how many calls were not written since the start.
func (r *Recorder) Dropped() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Problem says why calls are not written at present, or nothing.
func (r *Recorder) Problem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// Run writes what is offered until ctx ends, and then for a moment what is left.
func (r *Recorder) Run(ctx context.Context) error {
	if r.ensure(ctx) {
		for r.collect(ctx) {
			r.write(ctx, r.takeWaiting())
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	for list := r.takeWaiting(); len(list) > 0 && last.Err() == nil; list = r.takeWaiting() {
		r.write(last, list)
	}
	return nil
}

// ensure insists on the topic. Meanwhile the buffer fills, and then calls are dropped.
func (r *Recorder) ensure(ctx context.Context) bool {
	backoff := pipeline.Backoff{First: time.Second, Most: time.Minute}
	for tries := 0; ctx.Err() == nil; tries++ {
		err := r.deps.Ensure(ctx)
		if err == nil {
			r.works(nil)
			return true
		}
		r.works(err)
		_ = backoff.Wait(ctx, tries) // the loop looks at ctx
	}
	return false
}

// collect waits for calls and then a little for more, so that they go out together.
func (r *Recorder) collect(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.woken:
	}
	select {
	case <-ctx.Done():
	case <-time.After(collecting):
	}
	return ctx.Err() == nil
}

// takeWaiting takes calls that wait, as many as are written together. It wakes Run again for the others.
func (r *Recorder) takeWaiting() []offered {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, bytes := 0, 0
	for n < len(r.waiting) && bytes < mostWritten {
		bytes += r.waiting[n].entry.size()
		n++
	}
	taken := r.waiting[:n:n]
	r.waiting = r.waiting[n:]
	r.bytes -= bytes
	if len(r.waiting) > 0 {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}
	return taken
}

// write produces the calls once: whole, or, where the topic does not take so much, their figures.
func (r *Recorder) write(ctx context.Context, list []offered) {
	failed, tooLarge := r.produce(ctx, list)
	if len(tooLarge) > 0 {
		for i := range tooLarge {
			tooLarge[i].entry = tooLarge[i].entry.brief()
		}
		again, never := r.produce(ctx, tooLarge)
		failed += int64(len(never)) + again
	}
	if failed > 0 {
		r.mu.Lock()
		r.drop(failed)
		r.mu.Unlock()
	}
}

func (r *Recorder) produce(ctx context.Context, list []offered) (failed int64, tooLarge []offered) {
	records := make([]pipeline.Record, 0, len(list))
	for _, o := range list {
		records = append(records, pipeline.Record{Topic: r.cfg.Topic, Partition: -1, Key: []byte(o.entry.Sync),
			Value: r.writer.append(nil, o.entry, o.missed), Timestamp: o.entry.Time})
	}
	var problem error
	for i, err := range r.deps.Produce(ctx, records) {
		switch {
		case err == nil:
			r.deps.Metrics.written.Inc()
		case r.deps.TooLarge(err):
			tooLarge = append(tooLarge, list[i])
		default:
			failed++
			problem = err
		}
	}
	r.works(problem)
	return failed, tooLarge
}

// works notes that writing works, or why not, and logs when that has changed.
func (r *Recorder) works(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	before := r.problem
	r.problem = text
	r.mu.Unlock()
	switch {
	case before == "" && text != "":
		r.deps.Log.Warn("calls are not written to their topic; the syncs go on", "topic", r.cfg.Topic, "error", err)
	case before != "" && text == "":
		r.deps.Log.Info("calls are written to their topic again", "topic", r.cfg.Topic)
	}
}

// allowance is a number of bytes a second, and what they leave over up to a limit. Its owner guards it.
type allowance struct {
	rate   float64
	most   float64
	left   float64
	filled time.Time
}

func newAllowance(rate, most int) allowance {
	return allowance{rate: float64(rate), most: float64(most), left: float64(most), filled: time.Now()}
}

// takeBytes takes the bytes off what is left, if there is enough.
func (a *allowance) takeBytes(bytes int) bool {
	now := time.Now()
	a.left = min(a.left+now.Sub(a.filled).Seconds()*a.rate, a.most)
	a.filled = now
	if float64(bytes) > a.left {
		return false
	}
	a.left -= float64(bytes)
	return true
}
