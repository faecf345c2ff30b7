package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// replayFlags are what dlq replay is asked for.
type replayFlags struct {
	filter                   filterFlags
	config                   string
	limit                    int64
	rate                     float64
	failures                 string
	dryRun, force, yes, json bool
	all                      bool
	duplicates               bool
}

func dlqReplayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay",
		Short: "Send rejected rows again, through the configuration as it is now",
		Long: `Send rejected rows again: through the configuration as it is now, inside this process, straight to TikTok. Fix first,
then replay: a row that fails again becomes a dead letter again, with its replays counted.

Only open letters are sent: those whose rows no replay has repaired, as the topic of outcomes says. So an interrupted
replay goes on where it was, and a second one sends only what has been rejected since, whatever the filters of both. Of letters
that are older than the outcomes (outcomes.retention) that is not known: --all sends them too, and those that are repaired.
Rows get the same event id as ever, so TikTok drops what it has seen in the last 48 hours; rows that failed before that
ask for --allow-duplicates. Rows that were replayed three times need --force. When most rows fail again, it stops.

Rows of streamed audiences are left alone where their member has changed since. Audiences of files are not replayed:
the next upload repairs them.`,
		Example: `  tokrelay dlq replay --dry-run                       # what would become of them?
  tokrelay dlq replay --sync purchases --reason invalid_currency
  tokrelay dlq replay --since 24h --rate 50 --limit 1000 --yes
  tokrelay dlq replay --batch b1k2j-17`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return dlqReplay(c, &f) },
	}
	configFlag(c, &f.config)
	f.filter.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would become of the rows; send and change nothing")
	flags.Int64Var(&f.limit, "limit", 0, "at most this number of rows")
	flags.Float64Var(&f.rate, "rate", 0, "rows a second; default: as fast as TikTok's limits allow")
	flags.StringVar(&f.failures, "max-failures", "50%", "stop when more than this share of the last 200 rows fails again")
	flags.BoolVar(&f.duplicates, "allow-duplicates", false, "also rows older than TikTok's memory of 48 hours")
	flags.BoolVar(&f.all, "all", false, "also letters that are repaired, or of which it is not known whether they are")
	flags.BoolVar(&f.force, "force", false, "also rows that were replayed three times already")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	return c
}

func dlqReplay(c *cobra.Command, f *replayFlags) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	d, err := openDesk(c, f.config, "dlq-replay")
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.choose(&options.Filter, f.filter.key); err != nil {
		return err
	}
	job := &replayJob{screen: d.screen, desk: d, flags: f}
	options.Notice, options.Progress = job.notice, func(n int64) { job.done.Add(n) }
	r, err := replay.New(d.config, quiet(), options)
	if err != nil {
		return usageError{err}
	}
	defer r.Close()
	return job.run(c.Context(), r)
}

func (f *replayFlags) options() (replay.Options, error) {
	o := replay.Options{Limit: f.limit, Rate: f.rate, Force: f.force, All: f.all, By: "command"}
	var err error
	if o.Filter, err = f.filter.read(time.Now()); err != nil {
		return o, err
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(f.failures, "%"), 64)
	if err != nil || share <= 0 || share > 100 {
		return o, usageError{fmt.Errorf("--max-failures: %q is not a share: give 1%% to 100%%", f.failures)}
	}
	o.MaxFailures = settings.Percent(share / 100)
	if f.limit < 0 || f.rate < 0 {
		return o, usageError{errors.New("--limit and --rate must not be negative")}
	}
	return o, nil
}

// replayJob is one replay from question to report.
type replayJob struct {
	screen *screen
	desk   *desk
	flags  *replayFlags
	done   atomic.Int64
}

func (j *replayJob) run(ctx context.Context, r *replay.Replay) error {
	bar := j.screen.progress("reading " + j.desk.topics.RejectedTopic)
	plan, err := r.Plan(ctx, time.Now(), bar.show)
	bar.end()
	if errors.Is(err, replay.ErrNoStates) {
		return fmt.Errorf("%w\ngive --all to send all that the filters choose", err)
	}
	if err != nil {
		return err
	}
	j.plan(plan)
	switch {
	case plan.Rows == 0:
		return j.report(&replay.Report{})
	case j.flags.dryRun:
		report, err := r.DryRun(ctx)
		if err != nil {
			return err
		}
		return j.report(report)
	}
	if err := j.agree(plan); err != nil {
		return err
	}
	return j.send(ctx, r, plan)
}

// plan says what is going to be sent.
func (j *replayJob) plan(p *replay.Plan) {
	if j.flags.json {
		return
	}
	if p.Rows == 0 {
		j.screen.print("Nothing to replay%s.\n", map[bool]string{true: ": no letter is open", false: ""}[p.Done > 0])
	} else {
		rows := [][]string{}
		for _, g := range p.Groups {
			rows = append(rows, []string{g.Sync, g.Reason, thousands(g.Rows)})
		}
		j.screen.table([]string{"SYNC", "REASON", "ROWS"}, append(rows, []string{"total", "", thousands(p.Rows)}))
	}
	if p.Done > 0 && p.Rows > 0 {
		j.screen.note("%s letter(s) are repaired, or have a newer letter of the same row, and are left out\n", thousands(p.Done))
	}
	if p.Unknown > 0 {
		j.screen.note("%s letter(s) are older than the outcomes that show their state, and are left out: --all sends them too\n", thousands(p.Unknown))
	}
	if p.Looped > 0 {
		j.screen.note("%s row(s) were replayed %d times already and are left out: --force sends them too\n", thousands(p.Looped), replay.MostReplays)
	}
	if p.Elsewhere > 0 {
		j.screen.note("%s row(s) are of syncs that %s does not have, or that are not replayed\n", thousands(p.Elsewhere), j.desk.path)
	}
}

// agree asks whether to go on.
func (j *replayJob) agree(p *replay.Plan) error {
	if p.Old > 0 && !j.flags.duplicates {
		question := fmt.Sprintf("%s of the rows failed first more than 48 hours ago: what TikTok did get of them it may count twice. Send them all the same?", thousands(p.Old))
		if !j.screen.asks || j.flags.yes {
			return usageError{fmt.Errorf("%s of the rows failed first more than 48 hours ago: what TikTok did get of them it may count twice\n"+
				"give --allow-duplicates to send them all the same, or --since 48h to leave them out", thousands(p.Old))}
		}
		if err := j.screen.confirm(question, false); err != nil {
			return err
		}
	}
	return j.screen.confirm(fmt.Sprintf("Send %s row(s) to TikTok?", thousands(p.Rows)), j.flags.yes)
}

func (j *replayJob) notice(text string) { j.screen.note("%s\n", j.screen.paint(yellow, text)) }

func (j *replayJob) send(ctx context.Context, r *replay.Replay, plan *replay.Plan) error {
	bar := j.screen.progress("replaying")
	end := bar.follow(func() { bar.show(j.done.Load(), plan.Rows) })
	report, err := r.Run(ctx)
	end()
	if report != nil {
		if printed := j.report(report); printed != nil && err == nil {
			return printed
		}
	}
	return j.explain(ctx, err)
}

// explain says how to go on after a replay that ended early.
func (j *replayJob) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted: the same command goes on with what is left")
	case errors.Is(err, replay.ErrTooManyFailures):
		return fmt.Errorf("%w\ncorrect the mapping, see what would happen with --dry-run, and replay again: it goes on with what is left", err)
	}
	return fmt.Errorf("%w\nthe same command goes on with what is left", err)
}

// report prints what became of the rows.
func (j *replayJob) report(r *replay.Report) error {
	if j.flags.json {
		return j.screen.json(r)
	}
	if r.Rows == 0 {
		return nil
	}
	delivered, rejected := "delivered", "rejected again"
	if j.flags.dryRun {
		delivered, rejected = "would be sent", "would be rejected again"
	}
	j.screen.print("\n%-24s %s\n", delivered, j.screen.paint(green, thousands(r.Delivered)))
	if r.Owned > 0 {
		j.screen.print("%-24s %s  rows of streamed audiences: an instance that runs tells TikTok of them\n", "handed to owners", thousands(r.Owned))
	}
	for _, reason := range byCount(r.Rejected) {
		j.screen.print("%-24s %s  %s\n", rejected, j.screen.paint(red, thousands(r.Rejected[reason])), reason)
	}
	for _, reason := range byCount(r.Skipped) {
		j.screen.print("%-24s %s  %s\n", "skipped", thousands(r.Skipped[reason]), string(reason))
	}
	if r.Gone > 0 {
		j.screen.print("%-24s %s  neither the letter nor the source topic has the row any more\n", "gone", j.screen.paint(red, thousands(r.Gone)))
	}
	j.screen.print("%-24s %s\n", "left", thousands(r.Left))
	return nil
}

// byCount are the keys, the largest count first.
func byCount[K ~string](m map[K]int64) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}
