package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tokrelay/tokrelay/pipeline"
)

// An instance announced an add and made the call, lost its partition and ended at once. The next one lets the person leave; only
// then does the call have its effect, and no one else is left to look again.
func TestTheCallOfAnInstanceThatHasEndedIsLookedAtAgainByTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		s.put(1, record{pending: true, wants: s.claim("ada@x.org")})
		s.row(1, gone)
		s.holds("once the person has left")
		s.says(add, "ada@x.org")
		s.holds("once the call had its effect", "ada@x.org")
		s.lookBack()
		s.holds("then")
	})
}

// A partition is lost just after the last answer, and its instance ends while it looks back. No record is pending for the calls of that
// look: the next instance says the contrary and forgets the member, and no one is left to look once more.
func TestALookBackSaysNothingThatWasSaidAlready(t *testing.T) {
	for name, c := range map[string]struct {
		first, last, next pipeline.Change
		want              []string
	}{
		"an add behind the next owner's delete": {gone, upsert("ada@x.org"), gone, nil},
		"a delete behind the next owner's add":  {upsert("ada@x.org"), gone, upsert("ada@x.org"), []string{"ada@x.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, newsletter)
				s.row(1, c.first)
				ended := *s // has a memory and locks of its own
				ended.start(newsletter)
				ended.rowAsItIsLost(2, 1, c.last)
				next := sync.OnceFunc(func() { s.rowAt(3, 1, c.next) })
				ended.queue.late, ended.queue.step = true, func() error {
					next() // before the call has its effect
					return errEnded
				}
				ended.lookBack()
				next()
				s.holds("then", c.want...)
			})
		})
	}
}

// An instance deletes what a member of another one wants meanwhile, adds it again, and loses its partition with that call on the wire.
// The other member leaves before the call has its effect.
func TestALookBackKnowsThatWhatWasSaidWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		s.row(1, upsert("home@x.org"))
		owner := *s // has a memory and locks of its own
		owner.start(newsletter)
		ctx, lose := context.WithCancel(t.Context())
		steps := 0
		owner.queue.late, owner.queue.step = true, func() error {
			switch steps++; steps {
			case 1: // before the delete
				s.row(2, upsert("home@x.org"))
			case 3: // before it is added again
				lose()
				s.row(2, gone)
				return ctx.Err()
			case 4:
				return ctx.Err()
			}
			return nil
		}
		if err := owner.deliver(ctx, 2, 1, gone); err == nil {
			t.Error("got nil, want the context's error")
		}
		owner.lookBack()
		s.holds("then")
	})
}

var errEnded = errors.New("the instance has ended")

func TestACallThatIsOneTooManyToBeLookedAtAgainIsLogged(t *testing.T) {
	s := newScene(t, newsletter)
	var log bytes.Buffer
	s.sink.deps.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.queue.unanswered = true
	for i := range cap(s.sink.doubted) + 1 {
		if log.Len() > 0 {
			t.Fatalf("after %d calls the log says %s", i, log.String())
		}
		s.row(i, upsert(fmt.Sprintf("p%d@x.org", i)))
	}
	for _, want := range []string{"tokrelay resync --sync NAME", "sync=newsletter", "memberships=1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("got %q, want %q in it", log.String(), want)
		}
	}
}

// losing is a memory that loses the partition once it holds what a member has come to.
type losing struct {
	Memory
	lose func()
}

func (m losing) Put(ctx context.Context, members [][16]byte, values [][]byte) error {
	err := m.Memory.Put(ctx, members, values)
	if after, _ := readRecord(values[0]); !after.pending {
		m.lose()
	}
	return err
}

// rowAsItIsLost brings a row through the sink, whose partition is lost once all of it is done.
func (s *scene) rowAsItIsLost(offset int64, member int, c pipeline.Change) {
	s.t.Helper()
	ctx, lose := context.WithCancel(s.t.Context())
	s.sink.deps.Memory = losing{s.sink.deps.Memory, lose}
	if err := s.deliver(ctx, offset, member, c); err != nil {
		s.t.Fatal(err)
	}
}

// says makes a call that another instance made.
func (s *scene) says(what, email string) {
	s.t.Helper()
	var c cells
	c[0] = s.claim(email)
	member := s.sink.plan.appendMember(nil, &c, []byte(`["`+s.target+`"]`))
	if a := postTo(s.sandbox, Endpoint, s.sink.plan.AppendRequest(nil, what, [][]byte{member})); a.Code != 0 {
		s.t.Fatal(a.Message)
	}
}
