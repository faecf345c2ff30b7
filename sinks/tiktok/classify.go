package tiktok

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/reach"
)

// envelope is what TikTok puts around every answer.
type envelope struct {
	Code      *int            `json:"code"`
	Message   string          `json:"message"`
	RequestID string          `json:"request_id"`
	Data      json.RawMessage `json:"data"`
}

// Classify reads a response into an Answer: its HTTP status, its body, and the error that ended reading the body, if
// any. A body that was cut off says nothing, however it begins: the call may have had its effect, and is made again.
func Classify(httpStatus int, body []byte, readErr error) pipeline.Answer {
	if readErr != nil {
		a := Unanswered(readErr)
		a.HTTPStatus, a.Body = httpStatus, body
		return a
	}
	var e envelope
	if json.Unmarshal(body, &e) == nil && e.Code != nil {
		return coded(httpStatus, body, &e)
	}
	r := status(httpStatus)
	return pipeline.Answer{
		Verdict: r.Verdict, Scope: r.Scope, HTTPStatus: httpStatus, Body: body,
		Message: fmt.Sprintf("HTTP status %d without an answer of TikTok's API", httpStatus),
	}
}

// coded reads an answer of the API. Its code decides, except that a server error is one whatever the body says.
func coded(httpStatus int, body []byte, e *envelope) pipeline.Answer {
	r, listed := rule(*e.Code)
	if httpStatus >= 500 || httpStatus != 200 && *e.Code == 0 {
		r = status(httpStatus)
	}
	a := pipeline.Answer{
		Verdict: r.Verdict, Scope: r.Scope, HTTPStatus: httpStatus, Code: *e.Code, Unlisted: !listed,
		Message: cmp.Or(Scrub(e.Message), r.text), RequestID: requestID(e.RequestID), Body: body,
	}
	switch a.Verdict {
	case pipeline.Refused:
		a.State = stateIn(e.Message)
		a.Field = fieldIn(e.Message)
		fallthrough
	case pipeline.Unknown, pipeline.TooMany:
		blameCall(&a, e.Message)
	}
	if a.State != "" {
		a.Verdict = pipeline.Retry
	}
	return a
}

// blameCall finds the refusals that name a part of the call and not of an item: the configuration is at fault, or the
// destination, whatever the code.
func blameCall(a *pipeline.Answer, message string) {
	part := callPartIn(message)
	if part != "" {
		a.Verdict, a.Scope, a.Field = pipeline.Broken, pipeline.ScopeField, part
	}
}

// requestID keeps an id that looks like one; it is kept whole, for TikTok's support asks for it.
func requestID(s string) string {
	odd := func(r rune) bool { return r != '-' && r != '_' && (r >= utf8.RuneSelf || !isAlnum(byte(r))) }
	if len(s) > 100 || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

// stateIn finds the refusals that speak of an audience's state, the one case where the text decides: they come with the
// code of a data error and pass by themselves.
func stateIn(message string) pipeline.State {
	switch m := strings.ToLower(message); {
	case strings.Contains(m, "audience is not editable"):
		return pipeline.StateNotEditable
	case strings.Contains(m, "unfinished replace operation"):
		return pipeline.StateReplacing
	}
	return ""
}

// Unanswered is the Answer of a call that got no response, or not all of it. Only a certificate that cannot be trusted
// needs an operator; everything else on the way passes.
func Unanswered(err error) pipeline.Answer {
	kind := reach.Kind(err)
	a := pipeline.Answer{Verdict: pipeline.Retry, Network: kind, Message: networkTexts[kind]}
	if kind == "certificate" {
		a.Verdict = pipeline.Broken
	}
	return a
}

// Data decodes the `data` of an accepted answer.
func Data(a *pipeline.Answer, into any) error {
	var e envelope
	if err := json.Unmarshal(a.Body, &e); err != nil {
		return fmt.Errorf("decode answer %s: not JSON", a.RequestID)
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("decode data of answer %s: not of the expected shape", a.RequestID)
	}
	return nil
}

// Error is an answer that is not acceptance, as an error.
type Error struct {
	Doing  string
	Answer pipeline.Answer
}

// Check is nil for an accepted answer and an *Error otherwise; doing says what the call was for.
func Check(doing string, a pipeline.Answer) error {
	if a.IsAccepted() {
		return nil
	}
	return &Error{Doing: doing, Answer: a}
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s (%s", e.Doing, e.Answer.Message, e.Answer.CodeText())
	if e.Answer.RequestID != "" {
		text += ", request " + e.Answer.RequestID
	}
	return text + ")"
}
