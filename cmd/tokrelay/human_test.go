package main

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
)

func reader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Time
	}{
		{"", time.Time{}},
		{"2026-11-20", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)},
		{"2026-11-20T10:00:00+02:00", time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)},
		{"2026-11-20 10:30", time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)},
		{"90m", now.Add(-90 * time.Minute)},
		{"7d", now.AddDate(0, 0, -7)},
		{"today", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		{"yesterday", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)},
		{"0.5d", now.Add(-12 * time.Hour)},
	} {
		got, err := when("--since", c.text, now)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%q: got %v and %v, want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"tomorrow", "-3h", "-1d", "24", "2026-13-01"} {
		if got, err := when("--since", text, now); err == nil || !strings.HasPrefix(err.Error(), "--since: ") {
			t.Errorf("%q: got %v and %v, want an error that names the flag", text, got, err)
		}
	}
}

func TestThousandsAreReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := thousands(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOnlyAYesConfirms(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "yes please\n": false} {
		s := &screen{in: reader(answer), out: &bytes.Buffer{}, err: &bytes.Buffer{}, asks: true}
		if err := s.confirm("Delete?", false); (err == nil) != want {
			t.Errorf("%q: got %v, want confirmed %v", answer, err, want)
		}
	}
	s := &screen{in: reader("y\n"), err: &bytes.Buffer{}}
	if err := s.confirm("Delete?", false); err == nil {
		t.Error("confirmed by someone who was not asked")
	}
}

func TestColoursStayOnTerminals(t *testing.T) {
	plain, coloured := &screen{}, &screen{colour: true}
	if got := plain.paint(red, "x"); got != "x" {
		t.Errorf("got %q, want plain text", got)
	}
	if got := coloured.paint(red, "x"); got == "x" {
		t.Error("a coloured screen paints nothing")
	}
}

func TestProgressIsNotPrintedIntoFiles(t *testing.T) {
	var err bytes.Buffer
	p := (&screen{err: &err}).progress("reading")
	p.begun = time.Now().Add(-time.Minute)
	p.show(5, 10)
	p.end()
	if err.Len() > 0 {
		t.Errorf("printed %q", err.String())
	}
	p.screen.live = true
	p.show(5, 10)
	if !strings.Contains(err.String(), " 50 %") {
		t.Errorf("printed %q, want 50 %%", err.String())
	}
}

func TestRowsBeyondTheDedupeWindowNeedAWord(t *testing.T) {
	old := &replay.Plan{Rows: 10, Old: 4}
	for _, c := range []struct {
		name   string
		plan   *replay.Plan
		flags  replayFlags
		answer string // of someone at a terminal; "" is none
		want   string // of the error; "" is none
	}{
		{"without the flag", old, replayFlags{yes: true}, "", "give --allow-duplicates"},
		{"with the flag", old, replayFlags{yes: true, duplicates: true}, "", ""},
		{"someone agrees to both questions", old, replayFlags{}, "y\ny\n", ""},
		{"someone does not", old, replayFlags{}, "n\n", "nothing was done"},
		{"someone agrees to the first alone", old, replayFlags{}, "y\nn\n", "nothing was done"},
		{"none is old", &replay.Plan{Rows: 10}, replayFlags{yes: true}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &screen{in: reader(c.answer), out: &bytes.Buffer{}, err: &bytes.Buffer{}, asks: c.answer != ""}
			err := (&replayJob{screen: s, flags: &c.flags}).agree(c.plan)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestEveryCommandHasAnExampleAndNoStrayArguments(t *testing.T) {
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example, or no short help", c.CommandPath())
		}
		if err := c.ValidateArgs([]string{"stray"}); err == nil && !strings.Contains(c.Use, " ") {
			t.Errorf("%s takes an argument it does not know", c.CommandPath())
		} else if _, usage := errors.AsType[usageError](err); err != nil && !usage {
			t.Errorf("%s: a stray argument is no error of usage: %v", c.CommandPath(), err)
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(command())
}
