package debugger

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// replayAsk is what someone wants to have replayed, as the options of `tokrelay dlq replay` name it.
type replayAsk struct {
	Sync, Reason string
	Limit        int64   // most rows; 0: all
	Rate         float64 // rows a second; 0: as fast as TikTok's limits allow
	Force        bool    // rows that were replayed too often, too
	All          bool    // letters that are not open, or of which that is not known, too
	By           string  // who asks
	Since, Until string  // when the rows were rejected, as the page's lists have it
	Rows         []string

	filter deadletter.Filter
}

func readReplayAsk(r *http.Request) (replayAsk, error) {
	a := replayAsk{Sync: r.PostFormValue("sync"), Reason: r.PostFormValue("reason"), Force: r.PostFormValue("force") == "yes",
		All: r.PostFormValue("all") == "yes", Since: r.PostFormValue("since"), Until: r.PostFormValue("until"), Rows: r.PostForm["row"]}
	var err, other error
	if text := strings.TrimSpace(r.PostFormValue("limit")); text != "" {
		a.Limit, err = strconv.ParseInt(text, 10, 64)
	}
	if text := strings.TrimSpace(r.PostFormValue("rate")); text != "" {
		a.Rate, other = strconv.ParseFloat(text, 64)
	}
	if err != nil || other != nil || a.Limit < 0 || !(a.Rate >= 0 && a.Rate <= 1e6) {
		return a, problem{http.StatusBadRequest, "the most rows, and the rows a second, must be numbers that are not negative"}
	}
	return a, a.choose()
}

// choose makes the filter. What is not understood chooses nothing, rather than all.
func (a *replayAsk) choose() (err error) {
	a.filter = deadletter.Filter{Syncs: given(a.Sync), Reasons: given(a.Reason)}
	for _, at := range []struct {
		text string
		to   *time.Time
	}{{a.Since, &a.filter.Since}, {a.Until, &a.filter.Until}} {
		if at.text == "" {
			continue
		}
		if *at.to, err = time.Parse(inputTime, at.text); err != nil {
			return problem{http.StatusBadRequest, "the times must be like 2026-01-31T12:00"}
		}
	}
	for _, row := range a.Rows {
		place, err := deadletter.ParsePlace(row)
		if err != nil {
			return problem{http.StatusBadRequest, "a chosen row must be the place of a row: " + err.Error()}
		}
		a.filter.Choose(place)
	}
	return nil
}

// options select as `tokrelay dlq replay` does, so that one goes on where the other was.
func (a replayAsk) options() replay.Options {
	return replay.Options{Filter: a.filter, Limit: a.Limit, Rate: a.Rate, Force: a.Force, All: a.All, By: a.By}
}

// Command is the command that does the same.
func (a replayAsk) Command() string {
	var b strings.Builder
	b.WriteString("tokrelay dlq replay")
	for _, row := range a.Rows {
		b.WriteString(" --row " + row)
	}
	for _, o := range []struct{ flag, value string }{{"sync", a.Sync}, {"reason", a.Reason}, {"since", a.Since}, {"until", a.Until}, {"limit", wanted(float64(a.Limit))}, {"rate", wanted(a.Rate)}} {
		if o.value != "" {
			b.WriteString(" --" + o.flag + " " + o.value)
		}
	}
	if a.All {
		b.WriteString(" --all")
	}
	if a.Force {
		b.WriteString(" --force")
	}
	return b.String()
}

func wanted(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
