package segment

import (
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
