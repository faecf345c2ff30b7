package segment

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Plan is one sync's mapping, compiled. It never changes and may be shared by goroutines.
type Plan struct {
	cfg     Config
	changed bool // rows may hold changed columns alone
	now     func() time.Time
	rows    *metrics.Rows
	adds    prometheus.Counter
	deletes prometheus.Counter

	members  member.Mapping
	audience *mapping.Getter    // nil: the sync's own
	head     []byte             // of a request, up to the action
	schema   []byte             // of a request, from id_schema to the rows
	mapped   [member.Kinds]bool // the types in it
}

// Options are what a Plan must know beside its Config.
type Options struct {
	AdvertiserID string // of the connection
	Changed      bool   // the sync's new rows may hold changed columns alone (after_image: changed)
}

// New compiles a Config that Validate has passed. cols learns the columns the plan reads; now is the clock. Nil rows
// count nothing.
func New(cfg Config, o Options, cols *mapping.Columns, now func() time.Time, rows *metrics.Rows) (*Plan, error) {
	report := &settings.Report{}
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		return nil, fmt.Errorf("compile audience_segment: %w", err)
	}
	if len(cfg.AdvertiserIDs) == 0 {
		cfg.AdvertiserIDs = []string{o.AdvertiserID}
	}
	p := &Plan{cfg: cfg, changed: o.Changed, now: now, rows: cmp.Or(rows, metrics.NewRows(nil))}
	p.adds, p.deletes = p.rows.Items("add"), p.rows.Items("delete")
	var err error
	if p.members, err = member.Compile(section, &cfg.Identifiers, &cfg.Rules, cols); err != nil {
		return nil, err
	}
	if cfg.Audience.Row != nil {
		p.audience = cfg.Audience.Row.Compile("audience", cols)
	}
	p.compileRequest()
	return p, nil
}

// NewTarget makes what finds the audiences the sync fills from topics; none where a pattern finds them. group is that of the syncs which
// may fill an audience together.
func (p *Plan) NewTarget(sync, group string, topics []string, api audience.API, docs audience.Store, log *slog.Logger) *audience.Target {
	own := &p.cfg.Audience
	if own.Row != nil {
		group = "" // its owners are the sync's alone
	}
	return audience.NewTarget(audience.Wanted{Sync: sync, Name: own.Name, ID: own.ID, ByID: own.Row != nil && own.Row.By == "id",
		Most: p.cfg.MostAudiences, Advertisers: p.cfg.AdvertiserIDs, Group: group, Topics: slices.Sorted(slices.Values(topics))}, api, docs, p.now, log)
}

// NewReadback makes what asks TikTok about the target's audiences.
func (p *Plan) NewReadback(t *audience.Target, m *audience.Metrics, status *pipeline.Status) *audience.Readback {
	return audience.NewReadback(t, p.cfg.ReadBack.Std(), m, status)
}
