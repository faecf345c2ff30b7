package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// hold ends a chunk's handling as one that waits for what no drain brings.
func (h *handed) hold() { h.chunk.Hold(); h.nack() }

func TestAHeldChunkEndsTheDrainOnceThoseBehindItHaveSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 3)
		give(p, records(0, 30))
		first, second, third := <-chunks, <-chunks, <-chunks
		p.stop()
		<-pipeline.Leaving(first.ctx) // what waits hears of it
		first.ack()
		second.hold()
		synctest.Wait()
		select {
		case <-p.drained:
			t.Fatal("drained while a call of the third chunk may be in flight")
		case again := <-chunks:
			t.Fatalf("%v was handed out again, though it is held", again.chunk)
		default:
		}
		third.ack()
		<-p.drained
		p.cancel()
		<-p.ended
		if got := p.nextOffset(); got != 10 {
			t.Errorf("commits %d, want 10: what is before the held chunk", got)
		}
		if p.unsettled() != 0 || p.waitingRows() != 10 {
			t.Errorf("unsettled %d and waiting %d, want 0 and the 10 of the held chunk", p.unsettled(), p.waitingRows())
		}
	})
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestStoppingAHeldSyncEndsAtOnceMissesNothingAndSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 30)
	chunks, log, status := make(handler, 10), &lines{}, pipeline.NewStatus(time.Now)
	status.Set("orders", "delivery: connection", &pipeline.Trouble{Kind: pipeline.TroubleToken, What: "Access token is incorrect", Stop: true})
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) {
		o.MaxChunk, o.Drain, o.Status, o.Log = 10, time.Minute, status, slog.New(slog.NewTextHandler(log, nil))
	})
	held := []*handed{<-chunks, <-chunks, <-chunks}
	began := time.Now()
	m.stop()
	for _, h := range held {
		<-pipeline.Leaving(h.ctx)
		h.hold()
	}
	if err := <-m.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v, want no wait for the drain's minute", took)
	}
	if got := committed(cluster, testTopic, 0); got > 0 {
		t.Errorf("committed %d, want nothing", got)
	}
	if text := log.String(); !strings.Contains(text, "stopped while held up") || !strings.Contains(text, "rows=30") || !strings.Contains(text, "token: Access token is incorrect") {
		t.Errorf("log: got %s, want the rows and what they wait for", text)
	}
}
