package sandbox

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxReasons bounds the number of different refusals that are counted apart.
const maxReasons = 1000

// Call is one API call as the simulator saw it. It holds no token, no secret and no query.
type Call struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Endpoint  string    `json:"endpoint"` // "/event/track/"
	Status    int       `json:"status"`   // HTTP; 0 where no answer was given
	Code      int       `json:"code"`
	Message   string    `json:"message"`
	Place     string    `json:"place,omitempty"` // of the first problem in the body, which TikTok does not say
	RequestID string    `json:"request_id"`
	Rows      int       `json:"rows"` // events or users in the body
	Bytes     int64     `json:"bytes"`
	Fault     string    `json:"fault,omitempty"` // the fault that struck
	Body      []byte    `json:"-"`               // of the newest Config.KeepCallBodies

	reason string
	page   bool // answered with a fault's page
}

// EndpointStats counts the calls of one endpoint.
type EndpointStats struct {
	Calls       int64         `json:"calls"`
	Rows        int64         `json:"rows"`
	RefusedRows int64         `json:"refused_rows"`
	Codes       map[int]int64 `json:"codes"`      // answers by return code; 20001 is not a refusal
	Unanswered  int64         `json:"unanswered"` // timeouts, resets and answers that were not JSON
	InFlight    int           `json:"in_flight"`  // now
	MostAtOnce  int           `json:"most_at_once"`
}

// Refusal counts one reason for which calls were refused. Indices in the reason are replaced by *.
type Refusal struct {
	Endpoint string `json:"endpoint"`
	Code     int    `json:"code"`
	Reason   string `json:"reason"`
	Count    int64  `json:"count"`
}

type refusalKey struct {
	endpoint, reason string
	code             int
}

// journal remembers the calls.
type journal struct {
	maxCalls, maxBodies int

	mu        sync.Mutex
	endpoints map[string]*EndpointStats
	refusals  map[refusalKey]int64
	warnings  map[Warning]int64
	calls     []Call // a ring: the newest maxCalls
	total     int
}

func newJournal(cfg Config) *journal {
	j := &journal{maxCalls: max(cfg.KeepCalls, 0), maxBodies: cfg.KeepCallBodies}
	j.reset()
	return j
}

// reset forgets everything but the calls that are under way.
func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := map[string]*EndpointStats{}
	for path, e := range j.endpoints {
		kept[path] = &EndpointStats{Codes: map[int]int64{}, InFlight: e.InFlight, MostAtOnce: e.InFlight}
	}
	j.endpoints, j.refusals, j.warnings = kept, map[refusalKey]int64{}, map[Warning]int64{}
	j.calls, j.total = nil, 0
}

func (j *journal) begin(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.endpoints[path]
	if e == nil {
		e = &EndpointStats{Codes: map[int]int64{}}
		j.endpoints[path] = e
	}
	e.InFlight++
	e.MostAtOnce = max(e.MostAtOnce, e.InFlight)
}

func (j *journal) end(c *call) {
	a := c.answered
	if j.maxCalls > 0 && j.maxBodies > 0 && !c.endpoint.secret {
		a.Body = bytes.Clone(c.raw)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.endpoints[a.Endpoint]
	e.InFlight--
	e.Calls++
	e.Rows += int64(a.Rows)
	if a.Status != http.StatusOK || a.page {
		e.Unanswered++
	} else {
		e.Codes[a.Code]++
	}
	if a.Code != codeOK && a.Code != codePartial {
		e.RefusedRows += int64(a.Rows)
		j.refused(a)
	}
	j.keep(a)
}

func (j *journal) refused(a Call) {
	key := refusalKey{a.Endpoint, a.reason, a.Code}
	if _, ok := j.refusals[key]; !ok && len(j.refusals) >= maxReasons {
		key.reason = "(other)"
	}
	j.refusals[key]++
}

// keep puts the call into the ring, and takes the body from the one that is too old to keep it.
func (j *journal) keep(a Call) {
	if j.maxCalls == 0 {
		return
	}
	if len(j.calls) < j.maxCalls {
		j.calls = append(j.calls, a)
	} else {
		j.calls[j.total%j.maxCalls] = a
	}
	if old := j.total - j.maxBodies; old >= 0 && j.maxBodies > 0 && j.maxBodies < j.maxCalls {
		j.calls[old%j.maxCalls].Body = nil
	}
	j.total++
}

// list copies the calls that are kept, oldest first.
func (j *journal) list() []Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.calls) < j.maxCalls || j.maxCalls == 0 {
		return slices.Clone(j.calls)
	}
	at := j.total % j.maxCalls
	return append(slices.Clone(j.calls[at:]), j.calls[:at]...)
}

// warn counts a warning that is not about a body.
func (j *journal) warn(w Warning, n int64) {
	if n == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.warnings[w] += n
}

// warned adds the warnings about a body that was found good to the counts.
func (s *Sandbox) warned(c *check) {
	if !c.ok() || len(c.warnings) == 0 {
		return
	}
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	for w, n := range c.warnings {
		s.journal.warnings[w] += n
	}
}

func copyCounts[K comparable](m map[K]int64) map[K]int64 {
	return maps.Collect(maps.All(m))
}

func (j *journal) refusalList() []Refusal {
	var list []Refusal
	for key, n := range j.refusals {
		list = append(list, Refusal{key.endpoint, key.code, key.reason, n})
	}
	slices.SortFunc(list, func(a, b Refusal) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}
