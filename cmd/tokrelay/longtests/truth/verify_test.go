//go:build synctests

package truth

import (
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/verify"
)

// verify has `tokrelay audience verify` compare the streamed audiences with their topics: it may find nothing.
func (w *world) verify() {
	w.Helper()
	if w.style == fileUpload {
		return
	}
	config, err := w.start(w.filler).On(virtual.NewLink(&w.net, w.api))
	if err != nil {
		w.Fatal(err)
	}
	wiring, err := daemon.Wire(config, daemon.Options{Replay: true, Instance: "verify"})
	if err != nil {
		w.Fatal(err)
	}
	defer wiring.Close()
	for i := range config.Syncs {
		s := &config.Syncs[i]
		report, err := verify.Streamed(w.Context(), wiring, s, verify.Options{Now: time.Now})
		switch {
		case err != nil:
			w.Errorf("verify %s: %v", s.Name, err)
		case report.New:
			w.Errorf("verify %s: it says that no member has run yet", s.Name)
		case report.Differs, report.Streamed.Waiting > 0:
			w.Errorf("verify %s: %s; %+v", s.Name, report.Words(), report.Streamed)
		}
	}
}
