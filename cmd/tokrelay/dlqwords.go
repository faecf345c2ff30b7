package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// say prints one labelled line, unless there is nothing to say.
func (s *screen) say(label, format string, a ...any) {
	if text := fmt.Sprintf(format, a...); text != "" {
		s.print("  %s %s\n", s.paint(dim, fmt.Sprintf("%-12s", label)), text)
	}
}

// explained prints a letter for a person.
func (s *screen) explained(e *deadletter.Explained, why *find.Why) {
	s.print("%s\n", s.paint(bold, e.Sync+": "+e.Message))
	s.say("reason", "%s (step %s): %s", e.Reason, e.Stage, e.ClassInWords())
	s.say("field", "%s", from(e.Field, why.From))
	s.say("must be", "%s", e.Rule)
	s.say("row", "%s%s", e.Source, at(", written ", e.Written))
	s.say("failed", "%s%s", at("", e.Failed), first(e))
	s.say("state", "%s", e.State)
	s.history(e.History)
	s.say("event id", "%s", e.EventID)
	s.say("schema", "%s", e.SchemaID)
	s.said(e)
	s.say("batch", "%s", batchWords(e))
	s.say("headers", "%s", strings.Join(e.Headers, ", "))
	s.say("letter", "%s%s", e.Letter, omitted(e.Omitted))
	s.say("usually", "%s", e.Cause)
	s.say("to fix", "%s", s.paint(green, e.Cure))
	s.say("then", "%s", s.paint(green, e.Replay))
	s.say("now it is", "%s", plainWords(why.Today))
	s.row(e.Row)
	s.compared(why.Fields)
}

func (s *screen) said(e *deadletter.Explained) {
	if e.TikTok == nil {
		return
	}
	text := "HTTP " + strconv.Itoa(e.TikTok.HTTPStatus) + ", code " + strconv.Itoa(e.TikTok.Code)
	if e.TikTok.Message != "" {
		text += fmt.Sprintf(", %q", e.TikTok.Message)
	}
	if e.TikTok.RequestID != "" {
		text += ", request " + e.TikTok.RequestID
	}
	s.say("TikTok said", "%s", text)
}

func batchWords(e *deadletter.Explained) string {
	if e.Batch == "" {
		return ""
	}
	return fmt.Sprintf("%s, %d row(s) in the call, %d call(s) made", e.Batch, e.Together, e.Attempts)
}

func at(before string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return before + t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func first(e *deadletter.Explained) string {
	if e.First.IsZero() || e.First.Equal(e.Failed) {
		return ""
	}
	return at(", the first time ", e.First)
}

func omitted(why string) string {
	switch why {
	case deadletter.OmittedByConfig:
		return " (keeps no payload: dead_letter.payload is none; the row is read from its source)"
	case deadletter.OmittedTooLarge:
		return " (without the value, which was too large for the topic; the row is read from its source)"
	case deadletter.OmittedUnreadable:
		return " (of a batch that could not be read)"
	}
	return ""
}

// row prints the columns, or why there are none.
func (s *screen) row(r *deadletter.Row) {
	s.say("key", "%s", r.Key)
	if r.Problem != "" {
		s.say("content", "%d bytes; %s", r.Bytes, r.Problem)
		s.say("starts with", "%s", r.Start)
		return
	}
	s.say("operation", "%s", r.Op)
	s.columns("row", r.After)
	s.columns("row before", r.Before)
}

func (s *screen) columns(title string, list []deadletter.Column) {
	if len(list) == 0 {
		return
	}
	width := 0
	for _, c := range list {
		width = max(width, len(c.Name))
	}
	s.print("  %s\n", s.paint(dim, title))
	for _, c := range list {
		s.print("    %-*s  %s %s\n", width, c.Name, c.Value, s.paint(dim, "("+c.Kind+")"))
	}
}

// batch prints a failed batch.
func (s *shower) batch(b *deadletter.DeadBatch) error {
	s.shown++
	if s.flags.json {
		return s.screen.line(b)
	}
	info := b.Reason.Info()
	s.screen.print("%s\n", s.screen.paint(bold, b.Sync+": "+info.Meaning))
	s.screen.say("reason", "%s", string(b.Reason))
	s.screen.say("batch", "%s, %d row(s), %d call(s) of %s", b.ID, b.RowCount, b.Attempts, b.Endpoint)
	s.screen.say("failed", "%s", at("", b.Failed))
	s.screen.say("TikTok said", "HTTP %d, code %d, %q, request %s", b.Answer.HTTPStatus, b.Answer.Code, b.Answer.Message, b.Answer.RequestID)
	s.screen.say("letter", "%s, part %d of %d", b.At.String(), b.Part, b.Parts)
	s.screen.say("usually", "%s", info.Cause)
	s.screen.say("to fix", "%s", s.screen.paint(green, info.Cure))
	s.screen.say("then", "%s", s.screen.paint(green, toCopy(s.desk.path, "dlq replay --sync "+b.Sync+" --batch "+b.ID)))
	s.screen.print("  %s\n", s.screen.paint(dim, "rows"))
	for i, p := range b.Rows {
		if i == 20 {
			s.screen.print("    … and %d more (--json lists them)\n", len(b.Rows)-i)
			break
		}
		s.screen.print("    %s  %s\n", p.String(), p.EventID)
	}
	return nil
}
