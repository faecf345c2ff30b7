package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// findFlags are what find is asked for.
type findFlags struct {
	config, since, as string
	syncs             []string
	json              bool
}

func findCommand() *cobra.Command {
	var f findFlags
	c := &cobra.Command{
		Use: "find WHAT [flags]", Short: "Tell what became of a person, an event, a record key or a row, and in which audiences a person is now",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name one thing to find: see tokrelay find --help")}
			}
			return nil
		},
		Long: `Tell what became of WHAT: an e-mail address, a phone number, a device id, a customer id, a digest of one (64 or 32 hexadecimal digits), an
event id, a record key (one column's value, or name=value,name=value), or the place of a row or of a dead letter, topic/partition/offset.
What it is is recognised and said; --as decides. With - it is read from standard input, so that no list of processes shows it.

A place is looked up at once: how the row ended, each call and replay, or why there is nothing: not read yet, not in Kafka any more, skipped by
a condition of the configuration, which is named. The row is brought through the steps of its syncs, and what is sent is set next to what it has.

Everything else is looked for in the outcomes of the last day, the newest first; --since looks further back, up to what the topic keeps. Rows that
were not read yet are looked through as well.

For persons the present memberships are told: of streamed audiences as their owners in Kafka know them, of file audiences by the topic as
it was when the last upload was made, and as it is now. Addresses and numbers are hashed at once, and nothing is printed in clear.

It needs no instance, and is the same whichever runs. The exit code is 0 also where nothing was found.`,
		Example: `  tokrelay find ada@example.com
  tokrelay find shop.public.orders/2/1041
  tokrelay find id=4711 --since 7d
  echo ada@example.com | tokrelay find - --json`,
		RunE: func(c *cobra.Command, args []string) error { return findIt(c, &f, args[0]) },
	}
	configFlag(c, &f.config)
	c.Flags().StringSliceVar(&f.syncs, "sync", nil, "in this sync alone; may be repeated")
	c.Flags().StringVar(&f.since, "since", "24h", "look back to: a time, a day, or how long ago (24h, 7d)")
	c.Flags().StringVar(&f.as, "as", "", "what it is: "+strings.Join(names(find.Kinds), ", "))
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	complete(c, "as", names(find.Kinds))
	return c
}

func findIt(c *cobra.Command, f *findFlags, what string) error {
	since, err := when("--since", f.since, time.Now())
	if err != nil {
		return err
	}
	if f.as != "" {
		if err := known("--as", []string{f.as}, names(find.Kinds)); err != nil {
			return err
		}
	}
	if what == "-" {
		line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("read what to find from standard input: %w", err)
		}
		what = line
	}
	d, err := openDesk(c, f.config, "find")
	if err != nil {
		return err
	}
	defer d.close()
	q, err := find.Recognise(what, find.As(f.as), d.config.Countries())
	if err != nil {
		return usageError{err}
	}
	for _, name := range f.syncs {
		if _, err := d.config.Sync(name); err != nil {
			return usageError{fmt.Errorf("--sync: %w", err)}
		}
	}
	a, err := d.find(c, q, find.Options{Syncs: f.syncs, Since: since})
	if err != nil {
		return err
	}
	if f.json {
		return d.screen.json(a)
	}
	d.answered(a)
	return nil
}

func (d *desk) find(c *cobra.Command, q *find.Question, o find.Options) (*find.Answer, error) {
	parts, err := daemon.New(d.config, quiet())
	if err != nil {
		return nil, err
	}
	defer parts.Wiring.Close()
	finder, err := find.New(parts)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	bar := d.screen.progress("")
	o.Progress = func(what string, done, of int64) {
		mu.Lock()
		defer mu.Unlock()
		bar.what = what
		bar.show(done, of)
	}
	defer bar.end()
	return finder.Find(c.Context(), q, o)
}

// toneColours are the colours of an answer's parts.
var toneColours = map[find.Tone]string{find.Good: green, find.Wait: yellow, find.Stop: red, find.Idle: dim}

// answered prints an answer for a person.
func (d *desk) answered(a *find.Answer) {
	s := d.screen
	s.note("taken for %s\n", a.Asked)
	s.print("%s\n", s.paint(toneColours[a.Tone], a.Verdict))
	for _, m := range a.Memberships {
		s.print("\n%s\n", s.paint(bold, m.Audience)+" "+s.paint(dim, "("+m.Sync+")"))
		s.print("  %s\n", s.paint(toneColours[m.Tone], plainWords(m.Words)))
		s.say("identifier", "%s", strings.TrimSpace(m.Type+" "+m.Digest))
		for _, w := range m.Rows {
			s.say("wanted by", "%s of %s%s", w.At, w.Sync, at(", changed ", w.Changed))
		}
	}
	for _, r := range a.Rows {
		d.foundRow(r)
	}
	d.looked(a)
}

// plainWords are words without the marks of code.
func plainWords(text string) string { return strings.ReplaceAll(text, "`", "") }

func (d *desk) foundRow(r *find.Row) {
	s := d.screen
	s.print("\n%s %s\n", s.paint(bold, r.At), s.paint(dim, "("+r.Sync+at(", written ", r.Changed)+")"))
	s.print("  %s\n", s.paint(toneColours[r.Tone()], plainWords(r.Words)))
	s.say("reason", "%s", r.Reason)
	s.say("field", "%s", from(r.Field, r.From))
	s.say("to fix", "%s", s.paint(green, plainWords(r.Cure)))
	s.say("letter", "%s", r.Letter)
	s.say("event id", "%s", r.EventID)
	if r.State == find.Waiting || r.State == find.Rejected || r.State == find.Failed {
		s.say("would be", "%s", plainWords(r.Today))
	}
	s.history(r.History)
	s.compared(r.Compared)
}

// from names a field with where its value comes from.
func from(field, origin string) string {
	if field == "" || origin == "" {
		return field
	}
	return field + " ← " + plainWords(origin)
}

// history prints what happened to a row.
func (s *screen) history(list []deadletter.Event) {
	for _, e := range list {
		parts := []string{e.Outcome + at(" on ", e.At)}
		for _, part := range [][2]string{{"", e.Action}, {"reason ", e.Reason}, {"code ", e.Code}, {"call ", e.Call}, {"request ", e.RequestID}, {"by replay ", e.Replay}, {"asked for by ", e.By}} {
			if part[1] != "" {
				parts = append(parts, part[0]+part[1])
			}
		}
		if e.Again > 1 {
			parts = append(parts, fmt.Sprintf("%d times, because it was read again", e.Again))
		}
		s.say("history", "%s", strings.Join(parts, ", "))
	}
}

// compared prints what the row has next to what is sent of it.
func (s *screen) compared(list []find.Compared) {
	if len(list) == 0 {
		return
	}
	var rows [][]string
	for _, c := range list {
		rows = append(rows, []string{"  " + c.Field, plainWords(c.From), clip(c.Row), clip(c.Sent), string(c.Mark)})
	}
	s.table([]string{"  FIELD", "FROM", "IN THE ROW", "SENT", "DIFFERENCE"}, rows)
}

// clip is a value in a table.
func clip(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return text
}

// looked says how far was looked, and what looks further.
func (d *desk) looked(a *find.Answer) {
	l := &a.Looked
	for _, p := range a.Problems {
		d.screen.note("note: %s\n", p)
	}
	if l.More {
		d.screen.note("there are more rows: narrow it with --sync or --since\n")
	}
	switch {
	case l.Off:
		d.screen.note("outcomes are switched off: how rows ended is not kept\n")
	case !l.Since.IsZero():
		d.screen.note("looked at %s outcomes%s; look further back with --since\n", thousands(l.Outcomes), at(", back to ", l.Since))
	default:
		d.screen.note("looked at %s outcomes: there are none before that can be of it\n", thousands(l.Outcomes))
	}
}
