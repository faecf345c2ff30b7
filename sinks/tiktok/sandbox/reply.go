package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// envelope is the frame of every answer.
type envelope struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	Data      any    `json:"data"`
}

// answer writes the outcome of a call and notes it in the journal.
func (c *call) answer(w http.ResponseWriter, r *refusal, data any) {
	c.answered.Status = http.StatusOK
	c.answered.Message = "OK"
	if r != nil {
		c.answered.Code, c.answered.Message, c.answered.reason = r.code, r.message, r.reason()
	}
	c.s.write(w, c.answered.RequestID, r, data)
}

// write sends an envelope. HTTP status is 200 whatever happened, as at TikTok.
func (s *Sandbox) write(w http.ResponseWriter, id string, r *refusal, data any) {
	if id == "" {
		id = s.requestID(s.now())
	}
	e := envelope{codeOK, "OK", id, data}
	if r != nil {
		e.Code, e.Message, e.Data = r.code, r.message, nil
	}
	if e.Data == nil {
		e.Data = struct{}{}
	}
	w.Header().Set("X-Tt-Logid", id)
	w.Header().Set("X-Tt-Trace-Id", id)
	writeJSON(w, http.StatusOK, e)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
