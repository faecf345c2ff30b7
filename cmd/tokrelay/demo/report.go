package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// report prints what happened and reports whether all of it is as it should be.
func report(out io.Writer, j *judge, took time.Duration) bool {
	fmt.Fprintf(out, "What became of the rows (%.1f s):\n\n", took.Seconds())
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  sync\trows\tdelivered\trejected\tskipped\tAPI calls\t")
	for _, v := range j.syncs {
		calls := int64(0)
		for _, n := range v.got.Calls {
			calls += n
		}
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%d\t%d\t\n", v.name, v.got.Records, v.got.Settled[pipeline.Delivered],
			v.got.Settled[pipeline.DeadLettered], v.got.Settled[pipeline.Skipped], calls)
	}
	t.Flush()
	rejections(out, j)
	answers(out, j)
	fmt.Fprintln(out, "\nThe check:")
	all := true
	for _, c := range j.checks() {
		mark := "ok  "
		if !c.ok {
			mark, all = "FAIL", false
		}
		fmt.Fprintf(out, "  %s  %s\n", mark, c.text)
	}
	return all
}

func rejections(out io.Writer, j *judge) {
	fmt.Fprintln(out, "\nRejected rows, in the topic demo.rejected with their reason:")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range j.syncs {
		for _, reason := range byCount(nonzero(v.got.Rejected)) {
			fmt.Fprintf(t, "  %4d\t%s\t%s\n", v.got.Rejected[reason], reason, reason.Info().Meaning)
		}
	}
	t.Flush()
}

// answers tells of TikTok's answers other than success.
func answers(out io.Writer, j *judge) {
	fmt.Fprintln(out, "\nTikTok's faults on the way:")
	words := map[string]string{
		"40100": "calls throttled: the sync waited and sent them again",
		"502":   "calls met a server error: sent again",
		"40002": "calls refused for one row: it was found by halving, its neighbours were delivered",
	}
	for _, code := range []string{"40100", "502", "40002"} {
		n := int64(0)
		for _, v := range j.syncs {
			n += v.got.Calls[code]
		}
		fmt.Fprintf(out, "  %4d  %s  %s\n", n, code, words[code])
	}
	e := j.tiktok.Events
	fmt.Fprintf(out, "\nTikTok now holds %d events:", e.Accepted)
	for i, name := range byCount(e.ByName) {
		if i > 0 {
			fmt.Fprint(out, ",")
		}
		fmt.Fprintf(out, " %d %s", e.ByName[name], name)
	}
	fmt.Fprintln(out)
}
