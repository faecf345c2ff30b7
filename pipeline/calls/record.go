package calls

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// figuresOf is a call without its rows and texts: the first members of a record.
type figuresOf struct {
	Version   int       `json:"v"`
	Time      time.Time `json:"time"`
	Instance  string    `json:"instance"`
	Run       string    `json:"run"` // id of the instance's process
	Number    int64     `json:"number"`
	Sync      string    `json:"sync"`
	Endpoint  string    `json:"endpoint"`
	Items     int       `json:"items"`
	Attempt   int       `json:"attempt"`
	Batch     string    `json:"batch_id,omitempty"` // parts of a split batch: id.0, id.1, id.1.0
	Outcome   string    `json:"outcome"`
	Code      string    `json:"code"` // TikTok's, else the HTTP status, else network
	HTTP      int       `json:"http_status,omitempty"`
	TikTok    int       `json:"tiktok_code"`
	Took      float64   `json:"milliseconds"`
	RequestID string    `json:"request_id,omitempty"`
	Message   string    `json:"message,omitempty"` // scrubbed
	Field     string    `json:"field,omitempty"`
	Network   string    `json:"network,omitempty"`
	Brief     bool      `json:"figures_only,omitempty"`
	Cut       bool      `json:"request_too_long,omitempty"`
	Missed    int64     `json:"dropped_before,omitempty"` // calls of the instance before this one that were not written
}

// restOf is what follows them.
type restOf struct {
	Rows         []pipeline.Position `json:"rows"`
	Request      json.RawMessage     `json:"request"`
	Response     json.RawMessage     `json:"response"`
	ResponseText string              `json:"response_text"`
}

const version = 1

// rowsBegin is where the figures end. It cannot be in a text: a quote there has a backslash before it.
var rowsBegin = []byte(`,"rows":[`)

// writer turns calls into records.
type writer struct{ instance, run string }

// append writes a call as a record's value: figures first, so that a list can be read without the rest.
func (w *writer) append(to []byte, e *Entry, missed int64) []byte {
	f := figuresOf{Version: version, Time: e.Time.UTC(), Instance: w.instance, Run: w.run, Number: e.Number, Sync: e.Sync,
		Endpoint: e.Endpoint, Items: e.Items, Attempt: e.Attempt, Batch: e.Batch, Outcome: e.Answer.Verdict.String(),
		Code: e.Answer.CodeText(), HTTP: e.Answer.HTTPStatus, TikTok: e.Answer.Code, Took: float64(e.Answer.Duration.Microseconds()) / 1000,
		RequestID: e.Answer.RequestID, Message: e.Answer.Message, Field: e.Answer.Field, Network: e.Answer.Network, Brief: e.Brief,
		Cut: e.Cut, Missed: missed}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(f) // texts, numbers and the clock's time always encode
	to = append(to, bytes.TrimSuffix(b.Bytes(), []byte("}\n"))...)
	to = appendRows(append(to, rowsBegin...), e.Rows)
	if isObject(e.Request) && !e.Cut {
		to = append(append(to, `,"request":`...), e.Request...)
	}
	return append(appendAnswer(to, e.Answer.Body), '}')
}

// isObject reports whether a request is JSON: it is what we wrote ourselves, whole or nothing.
func isObject(request []byte) bool {
	return len(request) > 1 && request[0] == '{' && request[len(request)-1] == '}'
}

func appendRows(to []byte, rows []pipeline.Position) []byte {
	for i := range rows {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(to, `{"topic":"`...), rows[i].Topic...)
		to = strconv.AppendInt(append(to, `","partition":`...), int64(rows[i].Partition), 10)
		to = strconv.AppendInt(append(to, `,"offset":`...), rows[i].Offset, 10)
		if id := rows[i].EventID; id != "" {
			to = jsontext.AppendString(append(to, `,"event_id":`...), []byte(id))
		}
		to = append(to, '}')
	}
	return append(to, ']')
}

// appendAnswer writes what came back: as JSON where it is that, else as the text it is.
func appendAnswer(to, body []byte) []byte {
	switch {
	case len(body) == 0:
		return to
	case json.Valid(body):
		return append(append(to, `,"response":`...), body...)
	}
	return jsontext.AppendString(append(to, `,"response_text":`...), body)
}

var errNoCall = errors.New("not a call of a version this tokrelay knows")

// readFigures reads a record as far as a list needs it.
func readFigures(r *pipeline.Record) (*Entry, error) {
	head := r.Value
	if i := bytes.Index(head, rowsBegin); i >= 0 {
		head = append(slices.Clone(head[:i]), '}')
	}
	var f figuresOf
	if err := json.Unmarshal(head, &f); err != nil || f.Version != version {
		return nil, errNoCall
	}
	return f.entry(r), nil
}

func (f *figuresOf) entry(r *pipeline.Record) *Entry {
	e := &Entry{Number: f.Number, Cut: f.Cut, Brief: true, Origin: &Origin{Instance: f.Instance, Run: f.Run, Partition: r.Partition, Offset: r.Offset, Missed: f.Missed, Whole: !f.Brief}}
	e.Call = pipeline.Call{Time: f.Time, Sync: f.Sync, Endpoint: f.Endpoint, Items: f.Items, Attempt: f.Attempt, Batch: f.Batch,
		Answer: pipeline.Answer{Verdict: pipeline.VerdictNamed(f.Outcome), HTTPStatus: f.HTTP, Code: f.TikTok, Message: f.Message, RequestID: f.RequestID,
			Field: f.Field, Network: f.Network, Duration: time.Duration(f.Took * float64(time.Millisecond))}}
	return e
}

// read reads a record whole.
func read(r *pipeline.Record) (*Entry, error) {
	e, err := readFigures(r)
	if err != nil {
		return nil, err
	}
	var rest restOf
	if err := json.Unmarshal(r.Value, &rest); err != nil {
		return nil, errNoCall
	}
	e.Rows, e.Request, e.Answer.Body = rest.Rows, rest.Request, rest.Response
	if e.Answer.Body == nil && rest.ResponseText != "" {
		e.Answer.Body = []byte(rest.ResponseText)
	}
	e.Brief = !e.Origin.Whole
	return e, nil
}
