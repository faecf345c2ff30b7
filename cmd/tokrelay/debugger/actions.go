package debugger

import (
	"net/http"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// actionList is what operators did and are doing, on whatever instance and by whatever command.
type actionList struct {
	Syncs []string
	chosen
	Rows   []actionRow
	Older  string
	Newest string
	Before time.Time
}

// actionRow is an action with its state.
type actionRow struct {
	daemon.Action
	State state `json:"state"`
}

const actionsShown = 50

func (p *Page) actions(r *http.Request) (any, error) {
	q := r.URL.Query()
	l := &actionList{Syncs: p.syncNames(), chosen: readChosen(q), Newest: withoutPage("/actions", q, time.Time{})}
	l.Before, _ = time.Parse(time.RFC3339Nano, q.Get("before"))
	for _, a := range p.wantedActions(&l.chosen, l.Before) {
		if len(l.Rows) == actionsShown {
			l.Older = withoutPage("/actions", q, l.Rows[actionsShown-1].Began)
			break
		}
		l.Rows = append(l.Rows, a)
	}
	return l, nil
}

func (p *Page) wantedActions(c *chosen, before time.Time) []actionRow {
	list := []actionRow{}
	for _, a := range p.d.Wiring.Actions() {
		if c.Sync != "" && a.Sync != c.Sync || !before.IsZero() && !a.Began.Before(before) || !c.holds(a.Began, a.What, a.Detail, a.By, a.Result) {
			continue
		}
		list = append(list, actionRow{a, actionState(&a)})
	}
	return list
}

var actionTones = map[string]string{"running": "busy", "done": "good", "failed": "stop", "cut off": "wait"}

func actionState(a *daemon.Action) state {
	words := a.State(time.Now())
	return state{Tone: actionTones[words], Words: words}
}
