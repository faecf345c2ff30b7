package segment

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
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
