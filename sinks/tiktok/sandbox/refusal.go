package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The return codes the simulator gives by itself. Fault injection can give any other.
const (
	codeOK                = 0
	codePartial           = 20001
	codeNoPermission      = 40001
	codeParameter         = 40002
	codeMissing           = 40007
	codeVersion           = 40051
	codeBatchSize         = 40061
	codeNotHashed         = 40062
	codeTooFrequent       = 40100
	codeWrongSecret       = 40101
	codeNoToken           = 40104
	codeBadToken          = 40105
	codeBadAuthCode       = 40110
	codeUnknownApp        = 40113
	codeNotAllowListed    = 40118
	codePixelTooFrequent  = 40132
	codeAdvertiserTooFast = 40133
	codeSignature         = 40900
	codeFileMissing       = 40905
	codeFileEmpty         = 40906
	codeFileTooLarge      = 40907
	codeFileType          = 40908
	codeCalculateType     = 40909
	codeFileExpired       = 40910
	codeFileContent       = 40915
)

// refusal is an answer other than success: a return code and the text that goes with it.
// Texts never repeat a value of the request, except ids of accounts, pixels and audiences.
type refusal struct {
	code    int
	message string
	place   string // where in the body, for the simulator's own list of calls: texts of the Events API 2.0 do not say it
}

func refuse(code int, format string, args ...any) *refusal {
	if len(args) == 0 {
		return &refusal{code: code, message: format}
	}
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

func missing(fields ...string) *refusal {
	return refuse(codeParameter, "Missing required field(s): %s.", strings.Join(fields, ", "))
}

// lacksScope is TikTok's answer where the developer app lacks the permission, whatever an advertiser grants.
func lacksScope(e endpoint) *refusal {
	return refuse(codeNoPermission, "Permission error: The access token lacks the required scope for endpoint '%s%s'.", base, e.path)
}

// notGranted is TikTok's answer where the app has the permission and the advertiser left this asset out.
func notGranted(e endpoint) *refusal {
	return refuse(codeNoPermission, "advertiser does not grant you %s:%s permission", e.path, e.method)
}

// reason is the message without its indices, so that a thousand bad rows count as one reason.
func (r *refusal) reason() string {
	parts := strings.Split(r.message, ".")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}

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
		c.answered.Place = r.place
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
		http.Error(w, "the answer is not JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
