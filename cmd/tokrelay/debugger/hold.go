package debugger

import (
	"net/http"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// acceptFor is how long the page has rejected rows accepted; the command takes any time.
const acceptFor = time.Hour

// holdAction pauses or resumes a sync, in all its instances, as the commands do.
func (p *Page) holdAction(w http.ResponseWriter, r *http.Request) {
	o, err := p.readOrder(r)
	if err == nil {
		err = p.d.Follow(r.Context(), r.PathValue("sync"), o)
	}
	if err != nil {
		p.answer(w, r, "sync", nil, err)
		return
	}
	p.d.Wiring.Log.Info("order on the page", "by", o.By, "action", r.PathValue("action"), "sync", r.PathValue("sync"), "why", o.Why)
	http.Redirect(w, r, "/syncs/"+r.PathValue("sync"), http.StatusSeeOther)
}

func (p *Page) readOrder(r *http.Request) (daemon.Order, error) {
	o := daemon.Order{At: time.Now(), By: p.by(r), Why: strings.TrimSpace(r.PostFormValue("why"))}
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

// by is who asks, for the list of actions: the page, and the credential that was given.
func (p *Page) by(r *http.Request) string {
	return daemon.CallerOf(r.Context()).On("the page of " + p.d.Instance())
}

// uploadAction asks for an upload of a file audience; an instance that serves it begins within a quarter of a minute.
func (p *Page) uploadAction(w http.ResponseWriter, r *http.Request) {
	err := error(nil)
	if !p.d.Wiring.Config.Admin.Actions {
		err = problem{http.StatusForbidden, "the configuration does not let the page do this: set admin.actions"}
	} else if p.d.FileJob(r.PathValue("sync")) == nil {
		err = problem{http.StatusNotFound, "no sync of that name replaces an audience by file"}
	} else {
		err = p.d.AskUpload(r.Context(), r.PathValue("sync"), p.by(r))
	}
	if err != nil {
		p.answer(w, r, "files", nil, err)
		return
	}
	p.d.Wiring.Log.Info("upload asked for on the page", "sync", r.PathValue("sync"))
	http.Redirect(w, r, "/files?asked="+r.PathValue("sync"), http.StatusSeeOther)
}
