package deadletter

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Names of headers. The first set is Kafka Connect's, so that tools and dashboards made for it work; the second is ours.
const (
	connect = "__connect.errors."
	own     = "tokrelay.dlq."

	hVersion      = own + "version"
	hReplays      = own + "replays"
	hFirstFailed  = own + "first_failed_at"
	hFailed       = own + "failed_at"
	hTimestamp    = own + "original_timestamp"
	hOmitted      = own + "value_omitted"
	hMessage      = own + "message"
	hRule         = own + "rule"
	hAPIMessage   = own + "api_message"
	hConnectText  = connect + "exception.message"
	formatVersion = "1"
	timeFormat    = "2006-01-02T15:04:05.000Z07:00"
)

// Reasons for a letter without its value.
const (
	OmittedTooLarge   = "too_large"        // Kafka would never take it
	OmittedByConfig   = "payload_none"     // the configuration keeps no payload
	OmittedUnreadable = "unreadable_batch" // it could not be read, and the source cannot give it
)

// connectStages are Connect's words for our stages.
var connectStages = map[pipeline.Stage]string{
	pipeline.StageFrame: "VALUE_CONVERTER", pipeline.StageDecode: "VALUE_CONVERTER",
	pipeline.StageMap: "TRANSFORMATION", pipeline.StageValidate: "TRANSFORMATION", pipeline.StageIdentity: "TRANSFORMATION",
	pipeline.StageSend: "TASK_PUT",
}

// headers is a list of text headers without empty ones.
type headers []pipeline.Header

func (h *headers) add(key, value string) {
	if value != "" {
		*h = append(*h, pipeline.Header{Key: key, Value: []byte(oneLine(value))})
	}
}

func (h *headers) number(key string, n int) {
	if n != 0 {
		h.add(key, strconv.Itoa(n))
	}
}

func (h *headers) time(key string, t time.Time) {
	if !t.IsZero() {
		h.add(key, t.UTC().Format(timeFormat))
	}
}

// oneLine keeps a header readable in a console: valid UTF-8 without control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// explain makes the headers that say where a row came from and why it is here.
func (w *Writer) explain(l *pipeline.Letter, past history, now time.Time) headers {
	h := make(headers, 0, 40)
	w.connectHeaders(&h, l, past)
	w.ownHeaders(&h, l, past, now)
	apiHeaders(&h, l.Rejection)
	h.fit(int(w.cfg.HeaderBudget))
	return h
}

func (w *Writer) connectHeaders(h *headers, l *pipeline.Letter, past history) {
	h.add(connect+"topic", past.topic)
	h.add(connect+"partition", strconv.Itoa(int(past.partition)))
	h.add(connect+"offset", strconv.FormatInt(past.offset, 10))
	h.add(connect+"connector.name", w.about.Sync)
	h.add(connect+"task.id", w.about.Instance)
	h.add(connect+"stage", connectStages[l.Rejection.Stage])
	h.add(connect+"class.name", string(l.Rejection.Stage))
	h.add(connect+"exception.class.name", string(l.Rejection.Reason))
	h.add(hConnectText, l.Rejection.Message())
}

func (w *Writer) ownHeaders(h *headers, l *pipeline.Letter, past history, now time.Time) {
	r := l.Rejection
	h.add(hVersion, formatVersion)
	h.add(own+"class", string(r.Class()))
	h.add(own+"stage", string(r.Stage))
	h.add(own+"reason", string(r.Reason))
	h.add(own+"field", r.Field)
	h.add(hRule, r.Rule)
	h.add(hMessage, r.Message())
	h.add(own+"sync", w.about.Sync)
	h.add(own+"sink", w.about.Sink)
	h.add(own+"sink_kind", w.about.SinkKind)
	h.add(own+"event_id", r.EventID)
	h.number(own+"attempts", r.Attempts)
	h.time(hFirstFailed, past.first)
	h.time(hFailed, now)
	h.time(hTimestamp, past.timestamp)
	h.add(own+"schema_id", l.SchemaID)
	h.add(hReplays, strconv.Itoa(past.replays))
	h.add(own+"app_version", w.about.Version)
}

func apiHeaders(h *headers, r *pipeline.Rejection) {
	h.number(own+"http_status", r.HTTPStatus)
	h.number(own+"api_code", r.Code)
	h.add(hAPIMessage, r.APIMessage)
	h.add(own+"api_request_id", r.RequestID)
	h.add(own+"batch_id", r.BatchID)
	h.number(own+"batch_size", r.BatchSize)
}

// fit cuts what is too much for the budget: the messages first, from the one that is said elsewhere too, then whatever
// is longer than a word should be.
func (h headers) fit(budget int) {
	over := h.size() - budget
	for _, key := range []string{hConnectText, hMessage, hAPIMessage, hRule} {
		over = h.shorten(over, 64, func(k string) bool { return k == key })
	}
	h.shorten(over, 128, func(string) bool { return true })
}

// shorten takes bytes off the headers chosen, leaving each its first bytes, and gives what is still too much.
func (h headers) shorten(over, least int, chosen func(key string) bool) int {
	for i := range h {
		if over <= 0 {
			return over
		}
		v := h[i].Value
		if len(v) > least && chosen(h[i].Key) {
			h[i].Value = cut(v, max(least, len(v)-over))
			over -= len(v) - len(h[i].Value)
		}
	}
	return over
}

func cut(v []byte, n int) []byte {
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return v[:n]
}

func (h headers) size() int {
	n := 0
	for _, one := range h {
		n += len(one.Key) + len(one.Value)
	}
	return n
}
