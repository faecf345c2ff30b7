package debugger

import (
	"net/http"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// configPage is the configuration as it takes effect, and whether what the daemon needs is there.
type configPage struct {
	YAML    string
	Checks  []daemon.Check
	Started time.Time
}

func (p *Page) config(r *http.Request) (any, error) {
	return &configPage{YAML: string(settings.Effective(p.d.Wiring.Config)), Checks: p.d.Checked(r.Context()), Started: p.started}, nil
}
