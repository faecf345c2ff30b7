package debugger

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/calls"
)

// book is every call the page knows: those in the memory of this process, at hand and whole, and, where they have a topic,
// those of all instances and of earlier days. The topic is read by one goroutine, while it is looked at.
type book struct {
	memory   *calls.Log
	history  *calls.History  // nil: no topic
	recorder *calls.Recorder // nil: no topic
	instance string
	topic    string
	asked    chan struct{}

	mu      sync.Mutex
	read    chan struct{} // closed when the reading under way, or else the next, has ended
	at      time.Time     // of the last reading
	problem string        // why it failed
}

func newBook(d *daemon.Daemon) *book {
	return &book{memory: d.Wiring.Calls, history: d.Wiring.History, recorder: d.Wiring.Recorder, instance: d.Instance(), topic: d.Wiring.Config.Calls.Topic,
		asked: make(chan struct{}, 1), read: make(chan struct{})}
}

const (
	readEvery   = time.Second
	readFor     = 10 * time.Second
	waitForRead = 700 * time.Millisecond // then a page shows what is known
)

// run reads the topic when it is asked for, until ctx ends.
func (b *book) run(ctx context.Context) {
	if b.history == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.asked:
		}
		b.refresh(ctx)
	}
}

func (b *book) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	err := b.history.Refresh(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at, b.problem = time.Now(), ""
	if err != nil {
		b.problem = err.Error()
	}
	close(b.read)
	b.read = make(chan struct{})
}

// look has the topic read when that was a while ago, and waits a moment for it.
func (b *book) look(ctx context.Context) {
	b.mu.Lock()
	read, old := b.read, time.Since(b.at) >= readEvery
	b.mu.Unlock()
	if b.history == nil || !old {
		return
	}
	select {
	case b.asked <- struct{}{}:
	default:
	}
	select {
	case <-read:
	case <-ctx.Done():
	case <-time.After(waitForRead):
	}
}

// identity tells calls apart, wherever they were read.
type callIdentity struct {
	run    string
	number int64
}

func (b *book) identity(e *calls.Entry) callIdentity {
	if e.Origin != nil {
		return callIdentity{e.Origin.Run, e.Number}
	}
	return callIdentity{b.ownRun(), e.Number}
}

func (b *book) ownRun() string {
	if b.recorder == nil {
		return ""
	}
	return b.recorder.Process()
}

// last returns the newest calls that match, newest first, at most n: from memory, and from the topic what is not there.
func (b *book) last(sync string, n int, match func(*calls.Entry) bool) []*calls.Entry {
	list := b.memory.Last(sync, n, match)
	if b.history == nil {
		return list
	}
	have := map[callIdentity]bool{}
	for _, e := range list {
		have[b.identity(e)] = true
	}
	others := b.history.Last(sync, n, func(e *calls.Entry) bool {
		return !have[b.identity(e)] && (match == nil || match(e))
	})
	return newestFirst(list, others, n)
}

// newestFirst merges two lists by time and leaves each in its own order: clocks of instances differ, and one that is wrong
// moves its own calls alone.
func newestFirst(a, b []*calls.Entry, n int) []*calls.Entry {
	var list []*calls.Entry
	for len(list) < n && len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].Time.After(a[0].Time) {
			from = &b
		}
		list = append(list, (*from)[0])
		*from = (*from)[1:]
	}
	return list
}

// id is a call's name in addresses: its number, or its place in the topic.
func id(e *calls.Entry) string {
	if e.Origin == nil {
		return strconv.FormatInt(e.Number, 10)
	}
	return strconv.Itoa(int(e.Origin.Partition)) + "-" + strconv.FormatInt(e.Origin.Offset, 10)
}

// open finds a call by its id, as whole as it is anywhere; nil when it is not known.
func (b *book) open(ctx context.Context, id string) (*calls.Entry, error) {
	if partition, offset, ok := strings.Cut(id, "-"); ok {
		return b.openAt(ctx, partition, offset)
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, nil
	}
	e, ok := b.memory.Get(number)
	if ok && !e.Brief || b.history == nil {
		return e, nil
	}
	own := callIdentity{b.ownRun(), number}
	for _, kept := range b.history.Last("", 1, func(e *calls.Entry) bool { return b.identity(e) == own }) {
		if whole, err := b.history.Open(ctx, kept.Origin.Partition, kept.Origin.Offset); err == nil && whole != nil {
			return whole, nil
		}
	}
	return e, nil // what memory has is better than nothing
}

func (b *book) openAt(ctx context.Context, partition, offset string) (*calls.Entry, error) {
	p, err := strconv.ParseInt(partition, 10, 32)
	at, other := strconv.ParseInt(offset, 10, 64)
	if err != nil || other != nil || b.history == nil {
		return nil, nil
	}
	return b.history.Open(ctx, int32(p), at)
}

// instanceOf is who made the call.
func (b *book) instanceOf(e *calls.Entry) string {
	if e.Origin != nil {
		return e.Origin.Instance
	}
	return b.instance
}

// coverage says in words what the book holds, and what is missing from it.
type coverage struct {
	Topic   string // "": this instance's memory alone
	Reading bool   // goes further back with every look
	Missed  int64  // calls that were not written to the topic
	Problem string
	Writing string // why this instance's calls are not written at present
}

func (b *book) coverage() coverage {
	if b.history == nil {
		return coverage{}
	}
	own := b.ownRun()
	c := coverage{Topic: b.topic, Reading: !b.history.Reached(), Missed: b.recorder.Dropped() + b.history.Missed(own), Writing: b.recorder.Problem()}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.Problem = b.problem
	return c
}
