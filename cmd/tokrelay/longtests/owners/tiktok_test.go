//go:build synctests

package owners

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

var (
	errThrottled = errors.New("throttled")
	errBroken    = errors.New("broken")
	errRefused   = errors.New("refused")
)

// tiktok is a set of digests.
type tiktok struct {
	longest time.Duration // of a call

	mu       sync.Mutex
	rand     *rand.Rand
	set      map[string]bool
	poison   map[string]bool // what it refuses
	refused  map[string]bool // what has a dead letter
	hostile  bool
	away     bool
	calling  map[string]int
	calls    int
	overlaps int // digests of which two calls were under way
}

func newTikTok(seed uint64, longest time.Duration) *tiktok {
	return &tiktok{longest: longest, rand: rand.New(rand.NewPCG(seed, 9)), hostile: true,
		set: map[string]bool{}, poison: map[string]bool{}, refused: map[string]bool{}, calling: map[string]int{}}
}

// fate is what becomes of a call.
type fate struct {
	before, after time.Duration // its effect
	effect        bool
	err           error
}

func (t *tiktok) fate() fate {
	f := fate{effect: true, before: time.Millisecond * time.Duration(5+t.rand.IntN(50)), after: time.Millisecond * time.Duration(5+t.rand.IntN(50))}
	if t.hostile {
		if t.rand.IntN(4) == 0 {
			f.before = time.Duration(t.rand.Int64N(int64(t.longest) * 6 / 10))
			f.after = time.Duration(t.rand.Int64N(int64(t.longest) * 3 / 10))
		}
		switch t.rand.IntN(12) {
		case 0:
			f.effect, f.err = false, errThrottled
		case 1:
			f.effect, f.err = false, errBroken
		case 2:
			f.err = errBroken
		}
	}
	if t.away {
		f.effect, f.err = false, errBroken
	}
	return f
}

// call takes effect at some time within the longest call, answers later, and cannot be cancelled.
func (t *tiktok) call(remove bool, digests []string) error {
	t.mu.Lock()
	t.calls++
	for _, d := range digests {
		if t.calling[d]++; t.calling[d] > 1 {
			t.overlaps++
		}
	}
	f := t.fate()
	t.mu.Unlock()
	time.Sleep(f.before)
	t.mu.Lock()
	for _, d := range digests {
		if t.poison[d] && f.effect {
			f.effect, f.err = false, errRefused
		}
	}
	for _, d := range digests {
		switch {
		case !f.effect:
		case remove:
			delete(t.set, d)
		default:
			t.set[d] = true
		}
	}
	t.mu.Unlock()
	time.Sleep(f.after)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range digests {
		if t.calling[d]--; t.calling[d] == 0 {
			delete(t.calling, d)
		}
	}
	return f.err
}

func (t *tiktok) calm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hostile, t.away = false, false
}

func (t *tiktok) turn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.away = !t.away
}
