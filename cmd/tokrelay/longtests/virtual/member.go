package virtual

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Member is a daemon and its link to the rest of the world.
type Member struct {
	*daemon.Daemon
	Name    string
	Link    *Link
	Crashed bool
	Leaving bool
	Fenced  time.Time // when the broker forgot it, or may have

	began time.Time
	over  atomic.Bool
	stop  context.CancelFunc
	ended func() error
}

// isOver reports whether the rest of the world hears nothing of the member any more.
func (m *Member) isOver() bool { return m.Crashed || m.over.Load() }

// Start is what a member is started from.
type Start struct {
	Number int    // its own: no other member has had it
	Config string // ${FOLDER} in it is Folder
	Folder string
	Net    *kfake.VirtualNetwork
	API    http.RoundTripper
	Nap    func() time.Duration // of the Link; may be nil
	Log    *Logs
}

// Join starts a member.
func Join(s Start) (*Member, error) {
	m := &Member{Name: fmt.Sprintf("member-%d", s.Number), Link: NewLink(s.Net, s.API), began: time.Now()}
	m.Link.Nap = s.Nap
	config, err := s.On(m.Link)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("member", m.Name)
	if m.Daemon, err = daemon.New(config, daemon.Options{Instance: m.Name, Log: log}); err != nil {
		return nil, err
	}
	listener, err := s.Net.Listen("tcp", fmt.Sprintf("localhost:%d", 10000+s.Number))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	ended := make(chan error, 1)
	go func() {
		err := m.RunOn(ctx, listener)
		m.over.Store(true)
		ended <- err
	}()
	m.ended = sync.OnceValue(func() error { return <-ended })
	return m, nil
}

// On is the configuration, which reaches the world through a link. Nothing is written with zstd: its decoders live in pools, have
// channels, and are closed by the garbage collector, which virtual time does not allow.
func (s Start) On(l *Link) (*daemon.Config, error) {
	c, report := daemon.Parse([]byte(s.Config), settings.Lookup{Env: func(name string) (string, bool) { return s.Folder, name == "FOLDER" }})
	if err := report.Err(); err != nil {
		return nil, err
	}
	c.Kafka.Dial = l.Dial
	c.Kafka.Codecs = []kgo.CompressionCodec{kgo.SnappyCompression()}
	c.Kafka.Wait = 3 * time.Second // what an idle client asks costs most of a history's time
	for name, account := range c.Connections {
		account.Transport = l
		c.Connections[name] = account
	}
	return c, nil
}

// Crash takes the member out of the world at once. What it still does, no one hears.
func (m *Member) Crash() {
	m.Crashed, m.Leaving = true, true
	m.Link.Down()
	m.stop()
}

// Leave stops the member in good order.
func (m *Member) Leave() {
	m.Leaving = true
	m.stop()
}

// Ended waits until the member has stopped, and is how it ended.
func (m *Member) Ended() error { return m.ended() }

// Running are the members that were not told to stop.
func Running(members []*Member) (list []*Member) {
	for _, m := range members {
		if !m.Leaving {
			list = append(list, m)
		}
	}
	return list
}

// Part stops all members, in virtual time, and waits for them. One that was told before may have missed its drain.
func Part(t testing.TB, members []*Member) {
	t.Helper()
	for _, m := range members {
		// What it had of partitions that it lost, while it was frozen or because the broker forgot it, cannot settle.
		wanted := !m.Leaving && !m.Link.Thawed(time.Minute) && time.Since(m.Fenced) > time.Minute
		m.Leave()
		err := m.Ended()
		if err != nil && (wanted || !errors.Is(err, daemon.ErrUndrained)) && !m.Crashed {
			t.Errorf("%s ended with %v", m.Name, err)
		}
		synctest.Wait()
		if n := m.Link.Open(); n > 0 {
			t.Errorf("%s has ended and left %d connections open", m.Name, n)
		}
	}
}
