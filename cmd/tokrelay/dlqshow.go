package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// showFlags are what dlq show is asked for.
type showFlags struct {
	filter       filterFlags
	config       string
	limit        int
	all          bool
	reveal, json bool
}

func dlqShowCommand() *cobra.Command {
	var f showFlags
	c := &cobra.Command{
		Use:   "show [TOPIC/PARTITION/OFFSET ...]",
		Short: "Explain rejected rows: why, what TikTok said, the row itself, and how to fix it",
		Long: `Explain rejected rows. A place in Kafka may be the row's own, the dead letter's, or a failed batch's. Without places, the
filters choose. The row is decoded with its schema; its values are shown as shapes (Xxx+9@xxxxxxx.xxx) unless --reveal
is given.`,
		Example: `  tokrelay dlq show shop.public.orders/2/1041
  tokrelay dlq show --event-id 9b2f… --reveal
  tokrelay dlq show --reason invalid_currency --limit 3
  tokrelay dlq show --sync purchases --since 1h --json | jq .message`,
		RunE: func(c *cobra.Command, args []string) error { return dlqShow(c, &f, args) },
	}
	configFlag(c, &f.config)
	f.filter.add(c)
	c.Flags().IntVar(&f.limit, "limit", 10, "show at most this number")
	c.Flags().BoolVar(&f.all, "all", false, "also letters that the filters choose and that are not open; a place shows any")
	c.Flags().BoolVar(&f.reveal, "reveal", false, "show the rows' values: they are personal data")
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object a line")
	return c
}

func dlqShow(c *cobra.Command, f *showFlags, args []string) error {
	filter, err := f.filter.read(time.Now())
	if err != nil {
		return err
	}
	if f.limit < 1 {
		return usageError{errors.New("--limit must be 1 or more")}
	}
	places := make([]pipeline.Position, len(args))
	for i, arg := range args {
		if places[i], err = deadletter.ParsePlace(arg); err != nil {
			return usageError{err}
		}
	}
	d, err := openDesk(c, f.config, "dlq-show")
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.choose(&filter, f.filter.key); err != nil {
		return err
	}
	if f.reveal {
		d.screen.note("%s\n", d.screen.paint(yellow, "warning: the rows below are shown in clear; they are personal data, guard this output like the source"))
	}
	s := &shower{screen: d.screen, desk: d, opener: d.config.NewOpener(d.admin, d.schemas, f.reveal), why: find.NewExplainer(d.config, d.admin, d.schemas), flags: f}
	if len(places) > 0 {
		err = s.places(c.Context(), places, filter)
	} else {
		err = s.filtered(c.Context(), filter)
	}
	return errors.Join(s.letters(c.Context()), err)
}

// shower prints letters one by one.
type shower struct {
	screen *screen
	desk   *desk
	opener *deadletter.Opener
	why    *find.Explainer
	flags  *showFlags
	list   []*deadletter.Dead // that are shown together, with what became of their rows
	found  int
	shown  int
}

// together is how many letters wait until what became of their rows is looked up.
const together = 10_000

// add has a letter shown.
func (s *shower) add(ctx context.Context, d *deadletter.Dead) error {
	s.found++
	if s.list = append(s.list, d); len(s.list) < together {
		return nil
	}
	return s.letters(ctx)
}

// places shows what is asked for by place, and fails for what is not there.
func (s *shower) places(ctx context.Context, places []pipeline.Position, filter deadletter.Filter) error {
	filter.Rows = map[string]bool{}
	var missing []string
	for _, p := range places {
		if p.Topic != s.desk.topics.RejectedTopic && p.Topic != s.desk.topics.FailedTopic {
			filter.Rows[p.String()] = true
			continue
		}
		r, err := deadletter.Fetch(ctx, daemon.LettersIn(s.desk.admin), p)
		if err != nil {
			return err
		}
		if r == nil {
			missing = append(missing, p.String())
			continue
		}
		if err := s.record(ctx, r); err != nil {
			return err
		}
	}
	if len(filter.Rows) > 0 {
		wanted := maps.Clone(filter.Rows)
		err := s.each(ctx, filter, func(d *deadletter.Dead) error {
			delete(wanted, d.Record.Position())
			return s.add(ctx, d)
		})
		if err != nil {
			return err
		}
		missing = append(missing, slices.Sorted(maps.Keys(wanted))...)
	}
	if len(missing) > 0 {
		return fmt.Errorf("no dead letter at or of %s: the row was not rejected, or its letter is older than the topic's retention\n"+
			"`tokrelay preview --from-topic --partition P --offset N --limit 1` shows what becomes of a row now", strings.Join(missing, ", "))
	}
	return nil
}

// filtered shows the letters the filter chooses, up to the limit.
func (s *shower) filtered(ctx context.Context, filter deadletter.Filter) error {
	s.desk.checkSyncs(filter.Syncs)
	if !s.flags.all {
		states, err := s.desk.states(ctx, filter.Since)
		if err != nil {
			return err
		}
		filter.State = states.Open
	}
	err := s.each(ctx, filter, func(d *deadletter.Dead) error {
		if s.found == s.flags.limit {
			return errLimit
		}
		return s.add(ctx, d)
	})
	if errors.Is(err, errLimit) {
		s.screen.note("there are more: raise --limit, or narrow the filters\n")
		return nil
	}
	if err == nil && s.found == 0 {
		s.screen.note("no %sdead letters match\n", map[bool]string{true: "open ", false: ""}[!s.flags.all])
	}
	return err
}

var errLimit = errors.New("limit")

func (s *shower) each(ctx context.Context, filter deadletter.Filter, show func(*deadletter.Dead) error) error {
	span, err := deadletter.SpanOf(ctx, daemon.LettersIn(s.desk.admin), s.desk.topics.RejectedTopic, filter.Since, filter.Until)
	if err != nil {
		return err
	}
	bar, read := s.screen.progress("searching "+s.desk.topics.RejectedTopic), int64(0)
	defer bar.end()
	seen := func() {
		if read++; read%4096 == 0 {
			bar.show(read, span.Records)
		}
	}
	return deadletter.Rows(ctx, daemon.LettersIn(s.desk.admin), span, &filter, seen, func(r *pipeline.Record, _ *deadletter.Head) error {
		d, err := deadletter.Parse(deadletter.Keep(r))
		if err != nil {
			return err
		}
		bar.end()
		return show(d)
	})
}

// record shows a record of one of our topics.
func (s *shower) record(ctx context.Context, r *pipeline.Record) error {
	if r.Topic == s.desk.topics.FailedTopic {
		b, err := deadletter.ParseBatch(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Position(), err)
		}
		return s.batch(b)
	}
	d, err := deadletter.Parse(r)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Position(), err)
	}
	return s.add(ctx, d)
}

// letters shows those that wait, with what became of their rows.
func (s *shower) letters(ctx context.Context) error {
	history, err := s.desk.config.Histories(ctx, s.desk.admin, s.list...)
	if err != nil {
		return err
	}
	list := s.list
	s.list = nil
	for _, d := range list {
		if err := s.letter(ctx, d, history[daemon.RowOf(d)]); err != nil {
			return err
		}
	}
	return nil
}

// shownLetter is a letter as JSON.
type shownLetter struct {
	*deadletter.Explained
	Why *find.Why `json:"why,omitempty"`
}

func (s *shower) letter(ctx context.Context, d *deadletter.Dead, history []*outcomes.Outcome) error {
	e := deadletter.Explain(d)
	e.State, e.History = daemon.HistoryOf(d, history)
	var err error
	if e.Row, err = s.opener.Open(ctx, d); err != nil {
		return err
	}
	why := s.why.Why(ctx, d)
	s.shown++
	e.Replay = toCopy(s.desk.path, strings.TrimPrefix(e.Replay, "tokrelay "))
	if s.flags.json {
		return s.screen.line(&shownLetter{e, why})
	}
	if s.shown > 1 {
		s.screen.print("\n")
	}
	s.screen.explained(e, why)
	return nil
}
