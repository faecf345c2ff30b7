package virtual

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A process that is frozen, as a virtual machine is that moves, does nothing on its link: what arrives waits, and what it was about to
// send is sent once it has thawed, however late that is by then.

// freeze is a link's.
type freeze struct {
	over   chan struct{} // closed once it has thawed; nil: it runs
	thaws  int
	thawed time.Time // last
}

// Freeze holds all that goes over the link until Thaw.
func (l *Link) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen.over == nil {
		l.frozen.over = make(chan struct{})
	}
}

// Thaw ends a Freeze.
func (l *Link) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen.over != nil {
		close(l.frozen.over)
		l.frozen.over, l.frozen.thaws, l.frozen.thawed = nil, l.frozen.thaws+1, time.Now()
	}
}

// Thawed reports whether the process was frozen before, and within the time has thawed, or has had its link again after that. What it did late it
// may not have been able to tell yet.
func (l *Link) Thawed(within time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.frozen
	return f.thaws > 0 && (f.over != nil || l.alive.Err() != nil || time.Since(f.thawed) < within || time.Since(l.restored) < within)
}

// pass waits while the process is frozen, and reports whether it had to.
func (l *Link) pass() (waited bool) {
	for {
		l.mu.Lock()
		over, alive := l.frozen.over, l.alive
		l.mu.Unlock()
		if over == nil {
			return waited
		}
		waited = true
		select {
		case <-over:
		case <-alive.Done():
			return waited
		}
	}
}

// worst are the requests before which a process dies or freezes with the worst effect: what it has begun is half done.
var worst = map[kmsg.Key]bool{kmsg.Produce: true, kmsg.OffsetCommit: true, kmsg.AddOffsetsToTxn: true, kmsg.TxnOffsetCommit: true, kmsg.EndTxn: true}

// isWorst reports whether the bytes begin with such a request.
func isWorst(request []byte) bool {
	return len(request) >= 6 && worst[kmsg.Key(binary.BigEndian.Uint16(request[4:]))]
}

// before is called with each request.
func (l *Link) before(request []byte) {
	if !isWorst(request) {
		l.pass()
		return
	}
	l.mu.Lock()
	doomed := l.doomed
	l.doomed = nil
	l.mu.Unlock()
	if doomed != nil {
		l.Down()
		close(doomed)
	}
	l.nap()
}

// Doom cuts the link before the next request that leaves something half done. The channel is closed then.
func (l *Link) Doom() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doomed = make(chan struct{})
	return l.doomed
}

// nap may freeze the process here, where it hurts most.
func (l *Link) nap() (waited bool) {
	if l.Nap != nil {
		if d := l.Nap(); d > 0 {
			l.Freeze()
			time.AfterFunc(d, l.Thaw)
		}
	}
	return l.pass()
}

// late is the context of a call that its caller may have given up, and that goes out all the same. TikTok gives up a call that it
// never answers, too.
func late(ctx context.Context, waited bool) (context.Context, context.CancelFunc) {
	if waited {
		return context.WithTimeout(context.WithoutCancel(ctx), mostLate)
	}
	return context.WithCancel(ctx)
}

const mostLate = 30 * time.Second
