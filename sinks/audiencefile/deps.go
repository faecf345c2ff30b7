package audiencefile

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// ErrBusy says that another instance works on the audience.
var ErrBusy = errors.New("another instance works on this audience")

// API is TikTok's; *tiktok.Client.
type API interface {
	audience.API
	Upload(ctx context.Context, endpoint string, parts []tiktok.Part, path string) pipeline.Answer
}

// Deps are a Job's neighbours.
type Deps struct {
	Sync       string
	Advertiser string // of the connection
	API        API    // its calls may take minutes: a file is one call
	Source     build.Source
	NewSteps   func() pipeline.Steps // for one goroutine each; their Make is not used: a run makes lines
	Mapping    string                // changes whenever the sync's decoding or gate do
	Letters    build.DeadLetters
	Store      audience.Store      // the ledger, manifests, what has its dead letters; the lease
	Folder     string              // where files are built unless the configuration says
	Status     *pipeline.Status    // nil: none
	Metrics    *Metrics            // nil: none
	Tracing    *tracing.Sync       // nil: none
	OnCall     func(pipeline.Call) // nil: none
	Log        *slog.Logger        // nil: none
	Now        func() time.Time    // nil: time.Now
	Paused     func() bool         // an operator has paused the sync: Serve begins no run; nil: never
	Parallel   int                 // workers; 0: as many as processors, at most 4

	ledger string // what it is called by
}

func (d Deps) withDefaults(c *Config) Deps {
	d.Log = cmp.Or(d.Log, slog.New(slog.DiscardHandler)).With("sync", d.Sync)
	d.Parallel = cmp.Or(d.Parallel, min(4, runtime.GOMAXPROCS(0)))
	d.Folder = cmp.Or(c.WorkFolder, d.Folder)
	if d.Metrics == nil {
		d.Metrics = NewMetrics(nil, metrics.NewRows(nil), metrics.NewCalls(nil, ""), nil)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Status == nil {
		d.Status = pipeline.NewStatus(d.Now)
	}
	if d.OnCall == nil {
		d.OnCall = func(pipeline.Call) {}
	}
	d.ledger = AudienceKey(d.Advertiser, c.Audience)
	return d
}

func (d *Deps) now() time.Time { return d.Now().UTC() }

// key is where a document of this audience is kept: by the audience, not by the sync, so that two syncs share its ledger.
func (d *Deps) key(what string) string { return d.ledger + "/" + what }

// AudienceKey tells audiences apart, and is what documents of one begin with. Two syncs must not fill the same one.
func AudienceKey(advertiser string, a Audience) string {
	if a.ID != "" {
		return "audience_file/" + advertiser + "/id/" + a.ID
	}
	return "audience_file/" + advertiser + "/name/" + a.Name
}
