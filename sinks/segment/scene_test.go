package segment

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// scene is one sync whose rows come one by one: what a test of a single situation needs.
type scene struct {
	t          *testing.T
	sandbox    *sandbox.Sandbox
	target     string
	members    *topic
	sink       *Sink
	queue      *queue
	letters    *letterBox
	shape      *pipeline.Shape
	next       int64
	full       bool // before-images hold the whole row
	generation uint64
	now        time.Time
}

const newsletter = "audience: {id: \"7\"}\nidentifiers: {EMAIL_SHA256: email, PHONE_SHA256: phone}\nmember_when: member\n"

func newScene(t *testing.T, config string) *scene {
	s := &scene{t: t, members: &topic{}, letters: &letterBox{}, now: time.UnixMilli(1_800_000_000_000)}
	s.sandbox, s.target = strict(t)
	s.start(config)
	return s
}

// start starts the sync's process again.
func (s *scene) start(config string) {
	cols := &mapping.Columns{}
	for _, name := range []string{"email", "phone", "member"} {
		cols.Index(name)
	}
	plan, err := New(loaded(s.t, config), Options{AdvertiserID: sandbox.DefaultAdvertiser, FullBefore: s.full, Changed: true}, cols, func() time.Time { return s.now }, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.shape = &pipeline.Shape{}
	s.shape.Names, _ = cols.Wanted()
	fine := func() error { return nil }
	s.queue = &queue{plan: plan, sandbox: s.sandbox, letters: s.letters, step: fine}
	s.sink = NewSink(plan, Deps{
		Sync: "newsletter", Queue: s.queue, DeadLetters: s.letters, Audiences: ids{s.target},
		Memory: state.NewMembers(s.members.log(fine), EachClaim, nil), Generation: func() uint64 { return s.generation },
		Identity: withoutFraming,
	})
}

func (s *scene) record(member int, offset int64) pipeline.Record {
	return pipeline.Record{Topic: "shop.customers", Offset: offset, Key: []byte(strconv.Itoa(member)), Value: []byte("a row"), Timestamp: time.UnixMilli(1_700_000_000_000 + offset)}
}

// row brings one row at the next offset through the sink.
func (s *scene) row(member int, c pipeline.Change) pipeline.Outcome {
	s.t.Helper()
	s.next++
	return s.rowAt(s.next, member, c)
}

func (s *scene) rowAt(offset int64, member int, c pipeline.Change) pipeline.Outcome {
	s.t.Helper()
	return s.through(s.record(member, offset), func(*pipeline.Change) error { return nil }, c)
}

// through brings a record through the steps, as the router does.
func (s *scene) through(r pipeline.Record, pass func(*pipeline.Change) error, c pipeline.Change) pipeline.Outcome {
	s.t.Helper()
	chunk, maker := pipeline.NewChunk([]pipeline.Record{r}), s.sink.plan.Maker()
	runner := pipeline.Runner{Steps: pipeline.Steps{Pass: pass, Make: maker.Make, Leave: maker.Leave,
		Decode: func(_ context.Context, r *pipeline.Record, into *pipeline.Change) error {
			c.Shape, c.Key = s.shape, s.sink.identity(r)
			*into = c
			return nil
		}}}
	err := runner.Row(s.t.Context(), &chunk.Records[0], 0)
	rejection, isRejected := err.(*pipeline.Rejection)
	if isRejected && len(runner.Items.List) == 0 {
		err = s.sink.Letters().Rows(s.t.Context(), []pipeline.Letter{{Record: &chunk.Records[0], Rejection: rejection}})
		chunk.Settle(0, pipeline.DeadLettered)
	}
	if err != nil && !isRejected && err != pipeline.SkipFiltered {
		s.t.Fatalf("steps: %v", err)
	}
	if err := s.sink.Deliver(s.t.Context(), chunk, &runner.Items); err != nil {
		s.t.Fatalf("deliver: %v", err)
	}
	return chunk.Settled(0)
}

func upsert(email string) pipeline.Change {
	return pipeline.Change{Op: pipeline.Update, After: person{email: email, member: true}.image()}
}

var gone = pipeline.Change{Op: pipeline.Delete, KeyRow: true}

func (s *scene) holds(when string, emails ...string) {
	s.t.Helper()
	want := []string{}
	for _, e := range emails {
		want = append(want, digest(e))
	}
	slices.Sort(want)
	if got := s.sandbox.Members(s.target)["EMAIL_SHA256"]; !slices.Equal(got, want) {
		s.t.Errorf("%s: TikTok holds\n%v\nwant\n%v", when, got, want)
	}
}

func (s *scene) put(member int, m record) {
	s.t.Helper()
	r := s.record(member, 0)
	err := s.sink.deps.Memory.Put(s.t.Context(), [][16]byte{keyOf(r.Topic, nil, r.Key)}, [][]byte{m.appendTo(nil)})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) claim(email string) []byte {
	s.t.Helper()
	h, err := identity.Email{RemoveSpaces: true}.Hash([]byte(email))
	if err != nil {
		s.t.Fatal(err)
	}
	return appendClaim(nil, 0, nil, h)
}

func TestACallCutOffBetweenDeleteAndRepairIsRepairedByAnotherInstance(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(2, upsert("home@x.org"))
	// Another instance was about to let member 1 leave: its delete came after member 2's add, then it died.
	s.put(1, record{pending: true, leaves: s.claim("home@x.org")})
	home := s.claim("home@x.org")
	var c cells
	c[0] = home
	body := s.sink.plan.AppendRequest(nil, remove, [][]byte{s.sink.plan.appendMember(nil, &c, []byte(`["`+s.target+`"]`))})
	if a := postTo(s.sandbox, "/segment/mapping/", body); a.Code != 0 {
		t.Fatal(a.Message)
	}
	s.holds("after the crash")
	s.row(1, gone)
	s.holds("after the row came again", "home@x.org")
}

func TestAReplayedRowNeverUndoesANewerOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		after pipeline.Change
		want  []string
	}{
		{"the member has gone", gone, nil},
		{"the member has another address", upsert("new@x.org"), []string{"new@x.org"}},
		{"the member is as it was", upsert("ann@x.org"), []string{"ann@x.org"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, newsletter)
			s.row(1, upsert("ann@x.org"))
			s.next++ // this row is rejected before it comes to the sink
			rejected := s.record(1, s.next)
			letter := pipeline.Letter{Record: &rejected, Rejection: pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidEmail, "", "")}
			if err := s.sink.Letters().Rows(t.Context(), []pipeline.Letter{letter}); err != nil {
				t.Fatal(err)
			}
			s.row(1, c.after)
			s.start(newsletter)
			overtaken, known, err := s.sink.Overtaken(t.Context(), &rejected)
			if err != nil || !overtaken || !known {
				t.Errorf("overtaken: got %v, %v, %v, want true, true, nil", overtaken, known, err)
			}
			if got := s.rowAt(rejected.Offset, 1, upsert("corrected@x.org")); got != pipeline.Skipped {
				t.Errorf("replayed row: got %v, want skipped", got)
			}
			s.holds("after the replay", c.want...)
		})
	}
}

func TestAReplayedRowThatIsStillTheNewestIsDelivered(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ann@x.org"))
	s.next++
	rejected := s.record(1, s.next)
	letter := pipeline.Letter{Record: &rejected, Rejection: pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidEmail, "", "")}
	if err := s.sink.Letters().Rows(t.Context(), []pipeline.Letter{letter}); err != nil {
		t.Fatal(err)
	}
	if got := s.rowAt(rejected.Offset, 1, upsert("corrected@x.org")); got != pipeline.Delivered {
		t.Errorf("got %v, want delivered", got)
	}
	s.holds("after the replay", "corrected@x.org")
}

func TestMembersAreForgottenOnceTheyAndTheirLettersAreGone(t *testing.T) {
	s := newScene(t, newsletter)
	memory := s.sink.deps.Memory.(*state.Members)
	s.row(1, upsert("ann@x.org"))
	s.row(1, gone)
	if n := memory.Len(); n != 0 {
		t.Errorf("a member that has gone: got %d remembered, want none", n)
	}
	s.next++
	rejected := s.record(2, s.next)
	letter := pipeline.Letter{Record: &rejected, Rejection: pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidEmail, "", "")}
	if err := s.sink.Letters().Rows(t.Context(), []pipeline.Letter{letter}); err != nil {
		t.Fatal(err)
	}
	s.row(2, gone)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{30 * 24 * time.Hour, 1}, {2 * 24 * time.Hour, 0}} {
		s.now = s.now.Add(c.after)
		if err := s.sink.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := memory.Len(); n != c.want {
			t.Errorf("%s later: got %d remembered, want %d", c.after, n, c.want)
		}
	}
}

func TestAfterAResyncEveryMemberIsSentAgain(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, upsert("ann@x.org"))
	s.sandbox.Reset()
	s.sandbox, s.target = strict(t)
	s.generation++
	s.start(newsletter)
	if got := s.rowAt(1, 1, upsert("ann@x.org")); got != pipeline.Delivered {
		t.Errorf("got %v, want delivered", got)
	}
	s.holds("after the resync", "ann@x.org")
}

func TestDigestsOfATypeThatIsNoLongerMappedLeave(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", phone: "+12133734253", member: true}.image()})
	s.start("audience: {id: \"7\"}\nidentifiers: {EMAIL_SHA256: email}\nmember_when: member\n")
	s.row(1, pipeline.Change{Op: pipeline.Update, After: person{email: "ann@x.org", phone: "+12133734253", member: true}.image()})
	s.holds("e-mail", "ann@x.org")
	if got := s.sandbox.Members(s.target)["PHONE_SHA256"]; len(got) != 0 {
		t.Errorf("phone: got %v, want none", got)
	}
}

func TestAMemberWithoutIdentifiersIsSkippedAndWhatItHadLeaves(t *testing.T) {
	s := newScene(t, newsletter)
	if got := s.row(1, upsert("")); got != pipeline.Skipped {
		t.Errorf("never had one: got %v, want skipped", got)
	}
	if got := s.row(1, upsert("n/a")); got != pipeline.Skipped {
		t.Errorf("a placeholder: got %v, want skipped", got)
	}
	s.row(2, upsert("ann@x.org"))
	if got := s.row(2, upsert("")); got != pipeline.Delivered {
		t.Errorf("had one: got %v, want delivered", got)
	}
	s.holds("after it lost it")
	s.row(3, upsert("ann@x.org"))
	if got := s.row(3, upsert("n/a")); got != pipeline.Delivered {
		t.Errorf("had one, and a placeholder now: got %v, want delivered", got)
	}
	s.holds("after it was overwritten")
	if got := s.letters.reasons(); len(got) != 0 {
		t.Errorf("letters: got %v, want none", got)
	}
}

func TestWhereAnIdentifierIsRequiredAMemberWithoutIsRejectedUnlessItHadSome(t *testing.T) {
	s := newScene(t, newsletter+"require_identifier: true\n")
	if got := s.row(1, upsert("")); got != pipeline.DeadLettered {
		t.Errorf("never had one: got %v, want dead-lettered", got)
	}
	if got, want := s.letters.reasons(), []pipeline.Reason{pipeline.NoIdentifier}; !slices.Equal(got, want) {
		t.Errorf("letters: got %v, want %v", got, want)
	}
	s.row(2, upsert("ann@x.org"))
	if got := s.row(2, upsert("")); got != pipeline.Delivered {
		t.Errorf("had one: got %v, want delivered", got)
	}
	s.holds("after it lost it")
}

// refusing dead-letters what it is given, as delivery does with rows TikTok refuses.
type refusing struct{}

func (refusing) Deliver(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	for _, item := range items.List {
		c.Settle(int(item.Row), pipeline.DeadLettered)
	}
	return nil
}

func TestWhatTikTokRefusedIsSentAgainWithTheNextRow(t *testing.T) {
	s := newScene(t, newsletter)
	s.sink.deps.Queue = refusing{}
	if got := s.row(1, upsert("ann@x.org")); got != pipeline.DeadLettered {
		t.Fatalf("got %v, want dead-lettered", got)
	}
	s.sink.deps.Queue = s.queue
	if got := s.row(1, upsert("ann@x.org")); got != pipeline.Delivered {
		t.Errorf("the same row again: got %v, want delivered", got)
	}
	s.holds("then", "ann@x.org")
}

func TestWithoutAKeyNothingCanBeRemembered(t *testing.T) {
	s := newScene(t, newsletter)
	c := upsert("ann@x.org")
	c.Shape = s.shape
	err := s.sink.plan.Maker().Make(&pipeline.Items{}, 0, &c)
	if r, ok := err.(*pipeline.Rejection); !ok || r.Reason != pipeline.InvalidDeliveryKey {
		t.Errorf("got %v, want the rejection invalid_member_key", err)
	}
}

// A partition is lost while a call of its owner is on the wire: the next owner says the contrary, forgets the member, and then the
// call has its effect, whether its answer still comes in time or not.
func TestACallThatEndsAfterItsPartitionWasLostIsLookedAtAgain(t *testing.T) {
	for name, c := range map[string]struct {
		first, late, next pipeline.Change
		want              []string
	}{
		"an add behind the next owner's delete": {upsert("other@x.org"), upsert("ada@x.org"), gone, nil},
		"a delete behind the next owner's add":  {upsert("ada@x.org"), upsert("other@x.org"), upsert("ada@x.org"), []string{"ada@x.org"}},
	} {
		for answers, cutOff := range map[string]int64{"which is cut off": 4, "which is answered": 0} { // a delete and an add, before and after
			t.Run(name+" "+answers, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, newsletter)
					s.row(1, c.first)
					owner := *s // has a memory and locks of its own
					owner.start(newsletter)
					ctx, lose := context.WithCancel(t.Context())
					var steps atomic.Int64
					var lost sync.Once
					owner.queue.step = func() error {
						lost.Do(func() { // before the call has its effect
							lose()
							s.rowAt(3, 1, c.next)
						})
						if steps.Add(1) <= cutOff {
							return ctx.Err()
						}
						return nil
					}
					owner.queue.late = true
					if err := owner.deliver(ctx, 2, 1, c.late); err == nil {
						t.Error("got nil, want the context's error")
					}
					owner.lookBack()
					s.holds("then", c.want...)
				})
			})
		}
	}
}

// The connection breaks with a call on the wire, which is made again; the person leaves; and then the first one has its effect.
func TestWhatACallWithoutAnAnswerSaidIsLookedAtAgain(t *testing.T) {
	for answered, want := range map[bool][]string{true: {"ada@x.org"}, false: nil} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, newsletter)
			s.queue.unanswered, s.queue.alone = !answered, true
			s.row(1, upsert("ada@x.org"))
			s.queue.unanswered = false
			s.row(1, gone)
			s.holds("once the person has left")
			add := s.queue.plan.AppendRequest(nil, add, [][]byte{s.queue.added})
			if a := postTo(s.sandbox, Endpoint, add); a.Code != 0 {
				t.Fatal(a.Message)
			}
			s.lookBack()
			s.holds("then", want...)
		})
	}
}

func TestWithoutMemoryACallWithoutAnAnswerIsOutlasted(t *testing.T) {
	for unanswered, want := range map[bool]time.Duration{true: lateCall, false: 0} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, newsletter)
			s.full = true
			s.start(newsletter + "remember: never")
			s.queue.unanswered = unanswered
			began := time.Now()
			s.row(1, inserted(person{email: "ada@x.org", member: true}))
			if got := time.Since(began); got != want {
				t.Errorf("unanswered %t: the next row may come after %v, want %v", unanswered, got, want)
			}
		})
	}
}

// deliver brings a row through the sink until ctx ends.
func (s *scene) deliver(ctx context.Context, offset int64, member int, c pipeline.Change) error {
	s.t.Helper()
	chunk, maker := pipeline.NewChunk([]pipeline.Record{s.record(member, offset)}), s.sink.plan.Maker()
	var items pipeline.Items
	c.Shape, c.Key = s.shape, chunk.Records[0].Key
	if err := maker.Make(&items, 0, &c); err != nil {
		s.t.Fatal(err)
	}
	return s.sink.Deliver(ctx, chunk, &items)
}

// lookBack looks again at what is in doubt.
func (s *scene) lookBack() {
	ctx, stop := context.WithTimeout(s.t.Context(), 2*lateCall)
	defer stop()
	_ = s.sink.LookBack(ctx)
}
