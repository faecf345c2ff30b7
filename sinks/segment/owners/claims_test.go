package owners

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// claimsLog is a claims partition, TikTok, and an owner of the partition.
type claimsLog struct {
	*testing.T
	claims *Claims
	stop   func()

	mu        sync.Mutex
	log       []pipeline.Record
	committed int64
	refuses   bool          // commits
	slow      time.Duration // a commit
	calls     []string
	takes     time.Duration // a call
	answer    Outcome
	waits     bool           // a Tell: until its context ends
	under     map[string]int // calls under way, by digest
	twice     bool
	held      map[Tag]bool
	from      Tag // the sync whose rows put writes claims of
}

const (
	testSession = 45 * time.Second
	testLongest = 30 * time.Second
)

func newClaimsLog(t *testing.T) *claimsLog {
	l := &claimsLog{T: t, answer: Accepted, under: map[string]int{}, takes: 10 * time.Millisecond}
	l.begin()
	return l
}

// begin starts an owner.
func (l *claimsLog) begin() {
	l.claims = NewClaims(ClaimsOptions{Topics: NewTopics("vip", 1), Tell: l.tell, Commit: l.commit, Write: l.write, Held: l.isHeld,
		Most: 100, AtOnce: 4, Backlog: 1000, Every: 100 * time.Millisecond, Session: testSession, Longest: testLongest})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.claims.Run(ctx) }()
	l.stop = func() { cancel(); <-done }
}

func (l *claimsLog) isHeld(sync Tag) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[sync]
}

// own has the owner take the partition over, from what was committed.
func (l *claimsLog) own() {
	l.mu.Lock()
	log, committed := slices.Clone(l.log), l.committed
	l.mu.Unlock()
	r := l.claims.Restore(0, committed)
	for i := range log {
		if err := r.Take(&log[i]); err != nil {
			l.Fatal(err)
		}
	}
	l.claims.Own(r, int64(len(log)))
	l.read(log)
}

func (l *claimsLog) read(records []pipeline.Record) {
	if err := l.claims.Take(records); err != nil {
		l.Fatal(err)
	}
}

func (l *claimsLog) tell(ctx context.Context, list []Saying) {
	l.mu.Lock()
	for i := range list {
		sign := "+"
		if list[i].Remove {
			sign = "-"
		}
		l.calls = append(l.calls, sign+string(list[i].Digest[:1]))
		l.under[string(list[i].Digest)]++
		l.twice = l.twice || l.under[string(list[i].Digest)] > 1
	}
	takes, answer, waits := l.takes, l.answer, l.waits
	l.mu.Unlock()
	if waits {
		<-ctx.Done()
		answer = Unanswered
	}
	time.Sleep(takes)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range list {
		list[i].Outcome = answer
		l.under[string(list[i].Digest)]--
	}
}

func (l *claimsLog) commit(_ context.Context, offsets map[int32]int64) map[int32]bool {
	l.mu.Lock()
	slow := l.slow
	l.mu.Unlock()
	time.Sleep(slow)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuses {
		return nil
	}
	l.committed = offsets[0]
	return map[int32]bool{0: true}
}

func (l *claimsLog) write(_ string, _ int32, key, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, pipeline.Record{Offset: int64(len(l.log)), Key: slices.Clone(key), Value: slices.Clone(value)})
}

// set changes what TikTok and Kafka do.
func (l *claimsLog) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *claimsLog) committedTo() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed
}

// letterOf is the digest whose hash begins with that letter.
func letterOf(c byte) []byte {
	hash := make([]byte, member.Kind(0).Size())
	hash[0] = c
	return AddBytes(nil, 0, nil, hash)
}

// put writes a claim of a digest, and has the owner read it.
func (l *claimsLog) put(c byte, at int64, says says) { l.putDigest(letterOf(c), at, says) }

// putHash has a row claim the digest whose hash begins so.
func (l *claimsLog) putHash(begins [2]byte, at int64) {
	hash := make([]byte, member.Kind(0).Size())
	copy(hash, begins[:])
	l.putDigest(AddBytes(nil, 0, nil, hash), at, present)
}

func (l *claimsLog) putDigest(digest []byte, at int64, says says) {
	value := claim{says: says, sync: l.from, source: Source{Topic: []byte("t"), Offset: at}}
	l.mu.Lock()
	start := len(l.log)
	l.mu.Unlock()
	l.write("", 0, appendClaimKey(nil, digest, 0, at), value.append(nil))
	l.mu.Lock()
	records := slices.Clone(l.log[start:])
	l.mu.Unlock()
	l.read(records)
}

func (l *claimsLog) wants(when string, calls ...string) {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.calls, calls) {
		l.Errorf("%s: TikTok was told %v, want %v", when, l.calls, calls)
	}
	l.calls = nil
}

// says counts the records of the log by what they say; "" is a tombstone.
func (l *claimsLog) says() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for _, r := range l.log {
		what := ""
		if c, err := readClaim(r.Value); err == nil {
			what = []string{"present", "told", "absent", "again"}[c.says]
		}
		n[what]++
	}
	return n
}

func claimsTest(t *testing.T, test func(l *claimsLog)) {
	synctest.Test(t, func(t *testing.T) {
		l := newClaimsLog(t)
		l.own()
		time.Sleep(time.Second)
		test(l)
		l.stop()
	})
}

func TestADigestIsInTheAudienceWhileAnyRowWantsIt(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, present)
		l.put('a', 2, present)
		time.Sleep(time.Second)
		l.wants("two rows want it", "+a")
		l.put('a', 1, absent)
		time.Sleep(time.Second)
		l.wants("one of them does not any more")
		l.put('a', 2, absent)
		time.Sleep(time.Second)
		l.wants("none does", "-a")
		if got := l.says(); got[""] != 2 || l.committedTo() < 4 {
			l.Errorf("%d of 2 absences are cleared with %d committed", got[""], l.committedTo())
		}
	})
}

// What an earlier version has told TikTok is taken back also where the row changes before its owner has told it once more, and where the
// broker's cleaner has left nothing but the absence.
func TestWhatTikTokMayHoldIsTakenBack(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, told)
		l.put('a', 1, absent)
		time.Sleep(time.Second)
		l.wants("it is not wanted any more", "-a")
		l.put('b', 2, absent)
		time.Sleep(time.Second)
		l.wants("its claim was compacted away", "-b")
		l.put('c', 3, present)
		l.put('c', 3, absent)
		time.Sleep(time.Second)
		l.wants("TikTok was never told")
	})
}

func TestADigestHasOneCallAtATime(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.takes = 10 * time.Second })
		l.put('a', 1, present)
		time.Sleep(time.Second)
		l.put('a', 1, absent)
		l.put('a', 2, present)
		l.put('a', 2, absent)
		time.Sleep(time.Minute)
		l.wants("what was wanted when the answer came", "+a", "-a")
		if l.twice {
			l.Error("two calls were under way at once")
		}
	})
}

func TestWhatTikTokGaveNoAnswerToIsSaidAgain(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.answer = Unanswered })
		l.put('a', 1, present)
		time.Sleep(100 * time.Millisecond)
		l.put('a', 1, absent) // TikTok may hold it by now
		l.set(func() { l.answer = Accepted })
		time.Sleep(time.Second)
		l.wants("after an error", "+a", "-a")
	})
}

func TestARefusedDigestCountsAsSaid(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.answer = Refused })
		l.put('a', 1, present)
		time.Sleep(time.Minute)
		l.wants("refused", "+a")
		if l.committedTo() != 1 {
			l.Errorf("committed %d, want 1", l.committedTo())
		}
		l.set(func() { l.answer = Accepted })
		l.put('a', 9, again) // its letter is replayed
		time.Sleep(time.Second)
		l.wants("replayed", "+a")
	})
}

// Another owner may have acted on what is beyond its commit, and may not have.
func TestBeyondItsCommitAnOwnerSaysAgain(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, present)
		time.Sleep(time.Second)
		l.set(func() { l.refuses = true })
		l.put('b', 2, present)
		l.put('c', 3, present)
		l.put('c', 3, absent)
		time.Sleep(time.Second)
		l.set(func() { l.calls = nil })
		l.stop() // killed: nothing is said of it
		l.set(func() { l.refuses = false })
		l.begin()
		l.own()
		time.Sleep(time.Second)
		l.set(func() { slices.Sort(l.calls) })
		l.wants("taken over", "+b", "-c")
	})
}

// A call counts once a commit that was sent after its answer has succeeded: else the new owner says it again.
func TestWhoLosesAPartitionHasItSaidAgain(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, present)
		time.Sleep(time.Second) // counted
		l.set(func() { l.refuses = true })
		l.put('b', 2, present)
		time.Sleep(time.Second) // answered, and not counted
		l.set(func() { l.takes = 20 * time.Second })
		l.put('c', 3, present)
		time.Sleep(time.Second) // under way
		l.claims.Lost([]int32{0})
		if got := l.says()["again"]; got != 1 {
			l.Errorf("%d calls are to be said again, want 1: that was answered and not counted", got)
		}
		time.Sleep(time.Minute)
		if got := l.says()["again"]; got != 2 {
			l.Errorf("%d calls are to be said again, want 2: one has been answered since", got)
		}
	})
}

// A commit that was sent before the answer says nothing of the call: the partition may be another instance's by then.
func TestACallDoesNotCountByACommitSentBeforeItsAnswer(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.slow = 5 * time.Second })
		time.Sleep(2 * time.Second) // one is under way
		l.put('a', 1, present)
		time.Sleep(2 * time.Second) // answered meanwhile
		l.wants("in the lease", "+a")
		l.claims.commits.take() // once that has succeeded, and before the next
		l.claims.commits.end()
		l.claims.Lost([]int32{0})
		if got := l.says()["again"]; got != 1 {
			l.Errorf("%d calls are to be said again, want 1", got)
		}
	})
}

// What is not settled and committed is read again by the next owner, who has to find it.
func TestAnAbsenceIsClearedBehindTheCommitAlone(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.takes = 10 * time.Second })
		l.put('a', 1, present)
		time.Sleep(time.Second)
		l.put('a', 1, absent)
		time.Sleep(3 * time.Second)
		if got := l.says()[""]; got != 0 {
			l.Errorf("%d absences are cleared with the call under way, want none", got)
		}
		time.Sleep(time.Minute)
		if got := l.says()[""]; got != 1 {
			l.Errorf("%d absences are cleared once all is settled, want 1", got)
		}
	})
}

func TestWhoGivesAPartitionUpWaitsForItsCallsAndCommits(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.takes = 20 * time.Second })
		l.put('a', 1, present)
		time.Sleep(time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(l.Context(), 35*time.Second)
		defer cancel()
		l.claims.Revoked(ctx, []int32{0})
		if took := time.Since(began); took < 18*time.Second || took > 21*time.Second || l.committedTo() != 1 || l.says()["again"] != 0 {
			l.Errorf("after %v, with %d committed and %d calls to be said again; want the 19s that the call takes, 1 and none", took, l.committedTo(), l.says()["again"])
		}
		l.put('b', 2, present)
		time.Sleep(time.Minute)
		l.wants("given up", "+a")
	})
}

// When Kafka gives the partition to another instance, every call has ended.
func TestACallBeginsWithinTheLeaseAlone(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, present)
		time.Sleep(time.Second)
		l.wants("while commits succeed", "+a")
		l.set(func() { l.refuses = true })
		time.Sleep(testSession - testLongest - 2*time.Second)
		l.put('b', 2, present)
		time.Sleep(time.Second)
		l.wants("within the lease", "+b")
		time.Sleep(5 * time.Second)
		l.put('c', 3, present)
		time.Sleep(time.Minute)
		l.wants("after the lease")
		l.set(func() { l.refuses = false })
		time.Sleep(2 * time.Second)
		l.wants("with a new one", "+c")
	})
}

// One audience that waits does not hold others up, and digests of one Tell are of one audience.
func TestAudiencesAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := map[string]int{}
		var mu sync.Mutex
		l := &claimsLog{T: t, under: map[string]int{}}
		l.claims = NewClaims(ClaimsOptions{Topics: NewTopics("vip", 1), Commit: l.commit, Write: l.write, Most: 2, AtOnce: 2, Backlog: 1000,
			Every: 100 * time.Millisecond, Session: testSession, Longest: testLongest, Tell: func(ctx context.Context, list []Saying) {
				if string(list[0].Audience) == "held" {
					<-ctx.Done()
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for i := range list {
					told[string(list[i].Audience)]++
					list[i].Outcome = Accepted
				}
			}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.claims.Run(ctx) }()
		l.own()
		for i := range 20 {
			hash := make([]byte, 32)
			hash[0] = byte(i)
			for _, audience := range []string{"held", "a", "b"} {
				value := claim{says: present, source: Source{Topic: []byte("t")}}
				l.write("", 0, appendClaimKey(nil, AddBytes(nil, 0, []byte(audience), hash), 0, int64(i)), value.append(nil))
			}
		}
		l.read(l.log)
		time.Sleep(2 * time.Second)
		mu.Lock()
		if want := map[string]int{"a": 20, "b": 20}; !maps.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		mu.Unlock()
		if l.committedTo() != 0 || l.claims.Waiting() != 20 {
			t.Errorf("committed %d with %d waiting, want 0 and 20: the held ones are before the others", l.committedTo(), l.claims.Waiting())
		}
		cancel()
		<-done
	})
}

// A transaction's marker is nothing but a place that is behind: a quiet partition has no lag.
func TestAMarkerIsCommittedOver(t *testing.T) {
	claimsTest(t, func(l *claimsLog) {
		l.put('a', 1, present)
		l.read([]pipeline.Record{{Offset: 1}})
		time.Sleep(time.Second)
		if at := l.committedTo(); at != 2 {
			l.Errorf("committed up to %d, want 2", at)
		}
	})
}

// A sync that is held is not told of, also not by a Tell that waits; what another sync's rows say of the same audience, or of the same
// digest, does not wait for it.
func TestAHeldSyncHoldsNoOtherUp(t *testing.T) {
	one, other := TagOf("one"), TagOf("other")
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.held = map[Tag]bool{one: true} })
		l.from = one
		l.put('a', 1, present)
		l.put('b', 2, present)
		time.Sleep(time.Second)
		l.wants("while the sync is held")
		l.from = other
		l.put('c', 3, present)
		l.put('b', 4, present)
		time.Sleep(time.Second)
		l.wants("of the other sync", "+c", "+b")
		if at := l.committedTo(); at != 0 {
			l.Errorf("committed up to %d, want 0: a is not said", at)
		}
		l.set(func() { l.held[one] = false })
		time.Sleep(time.Second)
		l.wants("once it is held no more", "+a")
		if at := l.committedTo(); at != 4 {
			l.Errorf("committed up to %d, want 4", at)
		}
	})
}

// A Tell that waits, because its sync's queue does not send, is ended when the sync is held: its digests are free for others.
func TestATellOfASyncThatIsHeldEnds(t *testing.T) {
	one, other := TagOf("one"), TagOf("other")
	claimsTest(t, func(l *claimsLog) {
		l.from = one
		l.set(func() { l.waits = true })
		l.put('a', 1, present)
		time.Sleep(time.Second)
		l.set(func() { l.waits, l.calls, l.held = false, nil, map[Tag]bool{one: true} })
		time.Sleep(time.Second)
		l.wants("while the sync is held")
		l.from = other
		l.put('a', 2, present)
		time.Sleep(time.Second)
		l.wants("of the other sync", "+a")
	})
}

// Digests of a held sync leave room for those of others, and the partition may go meanwhile.
func TestWhatIsPutAsideDoesNotFillTheBacklog(t *testing.T) {
	one := TagOf("one")
	claimsTest(t, func(l *claimsLog) {
		l.set(func() { l.held = map[Tag]bool{one: true} })
		l.from = one
		for i := range 1500 { // of a backlog of 1000
			l.putHash([2]byte{byte(i), byte(i >> 8)}, int64(i))
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := l.claims.Wait(ctx); err != nil {
			l.Errorf("reading waits: %v", err)
		}
		l.claims.Lost([]int32{0})
		if l.claims.Waiting() != 0 || l.claims.asides != 0 {
			l.Errorf("%d wait and %d are aside after the partition is lost, want none", l.claims.Waiting(), l.claims.asides)
		}
		l.set(func() { l.held[one] = false })
		time.Sleep(time.Second)
		l.wants("after the partition was lost")
	})
}
