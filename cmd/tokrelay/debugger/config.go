package debugger

import (
	"context"
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
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	checks, err := p.checks.get("", func() ([]daemon.Check, error) { return p.d.Checks(ctx), nil })
	return &configPage{YAML: string(settings.Effective(p.d.Wiring.Config)), Checks: checks, Started: p.started}, err
}
