package sandbox

import (
	"encoding/json"
	"net/http"
)

// eventLine is one line of /sandbox/events.
type eventLine struct {
	Event
	Body json.RawMessage `json:"body,omitempty"`
}

// viewEvents lists counted events as JSON lines: the newest limit of them, or those after from. test=true lists test
// events instead.
func (s *Sandbox) viewEvents(w http.ResponseWriter, r *http.Request) {
	limit, err := viewNumber(r, "limit", 100)
	from, err2 := viewNumber(r, "from", -1)
	if err != nil || err2 != nil {
		http.Error(w, "limit and from must be numbers", http.StatusBadRequest)
		return
	}
	tests := r.URL.Query().Get("test") == "true"
	if from < 0 {
		from = max(s.ledger.size(tests)-limit, 0)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	for limit > 0 {
		list := s.ledger.list(tests, from, min(limit, chunk))
		if len(list) == 0 {
			return
		}
		for _, e := range list {
			if encoder.Encode(eventLine{e, e.Body}) != nil {
				return
			}
		}
		from, limit = from+len(list), limit-len(list)
	}
}

// callLine is one line of /sandbox/calls.
type callLine struct {
	Call
	Body string `json:"body,omitempty"`
}

// viewCalls lists the newest calls as JSON lines, oldest first; bodies=true adds the bodies that are kept.
func (s *Sandbox) viewCalls(w http.ResponseWriter, r *http.Request) {
	limit, err := viewNumber(r, "limit", 100)
	if err != nil {
		fail(w, err)
		return
	}
	list := s.Calls()
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	for _, c := range list[max(len(list)-limit, 0):] {
		line := callLine{Call: c}
		if r.URL.Query().Get("bodies") == "true" {
			line.Body = string(c.Body)
		}
		if encoder.Encode(line) != nil {
			return
		}
	}
}

func (s *Sandbox) viewMembers(w http.ResponseWriter, r *http.Request) {
	members := s.Members(r.PathValue("id"))
	if members == nil {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, http.StatusOK, members)
}

// size is the number of records, or of tests.
func (l *ledger) size(tests bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tests {
		return len(l.tests)
	}
	return len(l.records)
}
