package sandbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Stage says when a fault strikes.
type Stage string

// A fault strikes instead of the call's effect, or after the effect and instead of its answer.
const (
	BeforeEffect Stage = "before"
	AfterEffect  Stage = "after"
)

// RowMessage is a text with which TikTok refuses an Events 2.0 call for one of its rows: it names the field and no row.
const RowMessage = "Invalid value for value: not a valid number."

// Fault is trouble to make. The zero fields mean: every call of every endpoint, before its effect, until removed.
//
// Faults without ID and IDPrefix strike before anything is checked, even the token. Those with one strike calls that
// passed every check and hold such a row: they play the row TikTok refuses.
// Where several match a call, delays add up and the oldest with another consequence wins.
type Fault struct {
	Name     string // for people
	Endpoint string // "/event/track/"; "" = all
	Stage    Stage  // "" = BeforeEffect

	// Which calls, of those that match.
	Skip        int     // let the first ones pass
	Every       int     // then strike each Nth; 0 = each
	Count       int     // this many times; 0 = until removed
	Probability float64 // with this chance; 0 = always
	Seed        uint64  // of the chance

	// Which content: an event_id, or the id of a segment row.
	ID       string
	IDPrefix string

	// What happens. A fault with only a Delay slows a call that is otherwise answered as usual.
	Delay      time.Duration
	Timeout    bool   // no answer: the call is held until the client gives up
	Reset      bool   // the connection is cut
	HTTPStatus int    // with Body, instead of JSON
	Body       string // "" = a page like a proxy's
	Code       int    // the return code, 20001 included
	Message    string // {i} becomes RowIndex, or the index of the row that matched
	RowIndex   *int   // a row to point at, right or wrong
}

// FaultState is a fault and what it did so far.
type FaultState struct {
	ID      int   `json:"id"`
	Fault   Fault `json:"fault"`
	Matched int   `json:"matched"`
	Fired   int   `json:"fired"`

	random *rand.Rand
}

// faults are the active ones, oldest first.
type faults struct {
	mu   sync.Mutex
	next int
	list []*FaultState
}

// AddFault makes trouble from now on and returns the id by which RemoveFault ends it.
func (s *Sandbox) AddFault(f Fault) int {
	if f.Stage == "" {
		f.Stage = BeforeEffect
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.next++
	state := &FaultState{ID: s.faults.next, Fault: f, random: rand.New(rand.NewPCG(f.Seed, 1))}
	s.faults.list = append(s.faults.list, state)
	return state.ID
}

// RemoveFault ends a fault and reports whether it was there.
func (s *Sandbox) RemoveFault(id int) bool {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	before := len(s.faults.list)
	s.faults.list = slices.DeleteFunc(s.faults.list, func(f *FaultState) bool { return f.ID == id })
	return len(s.faults.list) < before
}

// ClearFaults ends all trouble.
func (s *Sandbox) ClearFaults() { s.faults.clear() }

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Faults lists the faults, oldest first. Those that struck Count times stay in the list.
func (s *Sandbox) Faults() []FaultState {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := make([]FaultState, 0, len(s.faults.list))
	for _, f := range s.faults.list {
		state := *f
		state.random = nil
		list = append(list, state)
	}
	return list
}

// choose finds what strikes a call: the sum of the delays, and the first fault that has another consequence.
func (f *faults) choose(c *call, stage Stage, content bool) (*Fault, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var delay time.Duration
	for _, state := range f.list {
		fault := state.Fault
		if fault.Stage != stage || fault.looksInside() != content || !fault.concerns(c.endpoint.path) {
			continue
		}
		row, ok := fault.find(c)
		if !ok || !state.strikes() {
			continue
		}
		delay += fault.Delay
		if fault.onlyDelays() {
			continue
		}
		return fault.at(row), delay
	}
	return nil, delay
}

func (f Fault) looksInside() bool { return f.ID != "" || f.IDPrefix != "" }

func (f Fault) concerns(path string) bool { return f.Endpoint == "" || f.Endpoint == path }

func (f Fault) onlyDelays() bool {
	return !f.Timeout && !f.Reset && f.HTTPStatus == 0 && f.Code == 0
}

// find looks for the row a fault wants.
func (f Fault) find(c *call) (row int, ok bool) {
	if !f.looksInside() {
		return 0, true
	}
	if c.endpoint.ids == nil || c.raw == nil {
		return 0, false
	}
	for i, id := range c.endpoint.ids(c.body.root()) {
		if f.ID != "" && string(id) == f.ID || f.IDPrefix != "" && bytes.HasPrefix(id, []byte(f.IDPrefix)) {
			return i, true
		}
	}
	return 0, false
}

// at is the fault with its message pointing at a row.
func (f Fault) at(row int) *Fault {
	if f.RowIndex != nil {
		row = *f.RowIndex
	}
	f.Message = string(bytes.ReplaceAll([]byte(f.Message), []byte("{i}"), fmt.Append(nil, row)))
	return &f
}

// strikes counts a matching call and reports whether it is this one's turn.
func (f *FaultState) strikes() bool {
	n := f.Matched - f.Fault.Skip
	f.Matched++
	switch {
	case n < 0,
		f.Fault.Count > 0 && f.Fired >= f.Fault.Count,
		f.Fault.Every > 1 && (n+1)%f.Fault.Every != 0,
		f.Fault.Probability > 0 && f.random.Float64() >= f.Fault.Probability:
		return false
	}
	f.Fired++
	return true
}
