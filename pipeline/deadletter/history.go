package deadletter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// history is what a row went through before: its first position, and how often it was replayed. A row that comes from
// a dead letter has it in that letter's headers.
type history struct {
	topic     string
	partition int32
	offset    int64
	timestamp time.Time
	first     time.Time
	replays   int
}

func (w *Writer) historyOf(l *pipeline.Letter, now time.Time) history {
	r := l.Record
	past := history{topic: r.Topic, partition: r.Partition, offset: r.Offset, timestamp: r.Timestamp, first: l.First}
	if isLetter(r) {
		past.replays = number(r, hReplays) + 1
		past.first = older(past.first, moment(r, hFirstFailed))
	}
	if isLetter(r) && r.Topic == w.cfg.RejectedTopic {
		past.topic, past.partition, past.offset = origin(r)
		past.timestamp = moment(r, hTimestamp)
	}
	if past.first.IsZero() {
		past.first = now
	}
	past.replays = max(past.replays, l.Rejection.Replays)
	return past
}

func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// isLetter reports whether a record has our headers.
func isLetter(r *pipeline.Record) bool {
	_, ok := r.Header(hVersion)
	return ok
}

// LaterForm says that a dead letter was written by a later version of tokrelay.
type LaterForm struct {
	At   string // topic, partition and offset
	Form string
}

func (e *LaterForm) Error() string {
	return fmt.Sprintf("the dead letter at %s has form %s, and this version of tokrelay knows forms up to %s: run the version that wrote it, or a later one", e.At, e.Form, formatVersion)
}

// known is the error of a letter of a later form.
func known(version []byte, r *pipeline.Record) error {
	if string(version) == formatVersion {
		return nil
	}
	return &LaterForm{r.Position(), oneLine(string(version))}
}

// knownForm is known for a record whose head was not read.
func knownForm(r *pipeline.Record) error {
	version, _ := r.Header(hVersion)
	return known(version, r)
}

// originals are a record's headers without those a dead letter added. Connect's are ours only next to our own: the
// source may be a dead-letter topic of Connect.
func originals(r *pipeline.Record) []pipeline.Header {
	if !isLetter(r) {
		return r.Headers
	}
	var kept []pipeline.Header
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, own) && !strings.HasPrefix(h.Key, connect) {
			kept = append(kept, h)
		}
	}
	return kept
}

func origin(r *pipeline.Record) (topic string, partition int32, offset int64) {
	n, _ := strconv.ParseInt(text(r, connect+"offset"), 10, 64)
	return text(r, connect+"topic"), int32(number(r, connect+"partition")), n
}

func text(r *pipeline.Record, key string) string {
	v, _ := r.Header(key)
	return string(v)
}

func number(r *pipeline.Record, key string) int {
	n, _ := strconv.Atoi(text(r, key))
	return n
}

func moment(r *pipeline.Record, key string) time.Time {
	t, _ := time.Parse(time.RFC3339, text(r, key))
	return t
}
