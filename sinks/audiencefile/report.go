package audiencefile

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	metricsEvery = 5 * time.Second
	logEvery     = time.Minute
)

// report tells metrics and log how far the run is, until ctx ends.
func (j *Job) report(ctx context.Context) {
	logged := j.deps.now()
	for pipeline.Wait(ctx, metricsEvery) == nil {
		p := j.Progress()
		j.deps.Metrics.AudienceProgress(p.Rows, p.Total)
		if j.deps.now().Sub(logged) < logEvery {
			continue
		}
		logged = j.deps.now()
		j.deps.Log.Info("audience run", "run", p.Run, "phase", string(p.Phase), "records", p.Rows, "offsets", p.Total, "left", p.Left,
			"members", p.Members, "files", p.Files, "of", p.AllFiles)
	}
}
