package debugger

import (
	"net/http"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// acceptFor is how long the page has rejected rows accepted; the command takes any time.
const acceptFor = time.Hour

// holdView is a sync that may be paused and resumed.
type holdView struct {
	Name    string
	State   state
	Paused  bool
	Stopped bool // by rejected_share
}

// hold shows a sync and asks whether to pause or resume it.
func (p *Page) hold(r *http.Request) (any, error) {
	s, err := p.d.Wiring.Config.Sync(r.PathValue("sync"))
	if err != nil {
		return nil, problem{http.StatusNotFound, err.Error()}
	}
	troubles := p.d.Wiring.Status.Troubles(s.Name)
	v := holdView{Name: s.Name, State: stateOf(troubles, p.sampler.figures(s.Name))}
	for _, t := range troubles {
		v.Paused = v.Paused || t.Kind == pipeline.TroublePaused
		v.Stopped = v.Stopped || t.Kind == pipeline.TroubleRejected
	}
	return v, nil
}

// holdAction pauses or resumes a sync, in all its instances, as the commands do.
func (p *Page) holdAction(w http.ResponseWriter, r *http.Request) {
	o, err := p.readOrder(r)
	if err == nil {
		err = p.d.Follow(r.Context(), r.PathValue("sync"), o)
	}
	if err != nil {
		p.answer(w, r, "hold", nil, err)
		return
	}
	p.d.Wiring.Log.Info("order on the page", "by", o.By, "action", r.PathValue("action"), "sync", r.PathValue("sync"), "why", o.Why)
	http.Redirect(w, r, "/syncs/"+r.PathValue("sync"), http.StatusSeeOther)
}

func (p *Page) readOrder(r *http.Request) (daemon.Order, error) {
	o := daemon.Order{At: time.Now(), By: daemon.CallerOf(r.Context()).On("the page of " + p.d.Instance()), Why: strings.TrimSpace(r.PostFormValue("why"))}
	if !p.d.Wiring.Config.Admin.Actions {
		return o, problem{http.StatusForbidden, "the configuration does not let the page do this: set admin.actions"}
	}
	if _, err := p.d.Wiring.Config.Sync(r.PathValue("sync")); err != nil {
		return o, problem{http.StatusNotFound, err.Error()}
	}
	switch r.PathValue("action") {
	case "pause":
		o.Paused = true
	case "resume":
		if r.PostFormValue("accept") == "yes" {
			o.Accept = o.At.Add(acceptFor)
		}
	default:
		return o, errGone
	}
	return o, nil
}
