package audiencefile

import (
	"context"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Phase is what a run is doing: a phase of its build, or what comes after.
type Phase = build.Phase

const (
	PhaseIdle      Phase = "idle"
	PhaseReading         = build.Reading
	PhaseSorting         = build.Sorting
	PhaseWriting         = build.Writing
	PhaseWaiting   Phase = "waiting" // for TikTok's day to pass
	PhaseUploading Phase = "uploading"
)

// Progress is how far a run is.
type Progress struct {
	Phase      Phase     `json:"phase"`
	Run        string    `json:"run,omitempty"`
	Began      time.Time `json:"began,omitzero"`
	Since      time.Time `json:"since,omitzero"` // when the phase began
	Partitions int       `json:"partitions"`
	Rows       int64     `json:"rows"`  // records read
	Total      int64     `json:"total"` // offsets to read: no fewer than records
	Members    int64     `json:"members"`
	Files      int       `json:"files"` // uploaded
	AllFiles   int       `json:"all_files"`
	Left       string    `json:"left,omitempty"` // until the reading ends, if it goes on like this: "12m"
}

// progress is a Progress under way. Its methods may be called from several goroutines.
type progress struct {
	now func() time.Time
	mu  sync.Mutex
	p   Progress
}

func (p *progress) set(f func(*Progress)) {
	p.mu.Lock()
	f(&p.p)
	p.mu.Unlock()
}

func (p *progress) start(run string) {
	now := p.now()
	p.set(func(v *Progress) { *v = Progress{Phase: PhaseReading, Run: run, Began: now, Since: now} })
}

func (p *progress) phase(phase Phase) {
	p.set(func(v *Progress) { v.Phase, v.Since = phase, p.now() })
}

// step takes news of the build.
func (p *progress) step(s build.Step) {
	p.set(func(v *Progress) {
		if s.Phase != "" {
			v.Phase, v.Since = s.Phase, p.now()
		}
		if s.Partitions > 0 {
			v.Partitions, v.Total = s.Partitions, s.Total
		}
		v.Rows += int64(s.Records)
		v.Members += int64(s.Members)
	})
}

func (p *progress) value() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.p
	if took := p.now().Sub(v.Since); v.Phase == PhaseReading && v.Rows > 0 && v.Total > v.Rows {
		left := float64(v.Total-v.Rows) / float64(v.Rows) * took.Seconds()
		v.Left = (time.Duration(left) * time.Second).Round(time.Second).String()
	}
	return v
}

const (
	metricsEvery = 5 * time.Second
	logEvery     = time.Minute
)

// report puts in metrics and log how far the run is, until ctx ends.
func (j *Job) report(ctx context.Context) {
	logged := j.deps.now()
	for pipeline.Wait(ctx, metricsEvery) == nil {
		p := j.Progress()
		j.deps.Metrics.reading(p)
		if j.deps.now().Sub(logged) < logEvery {
			continue
		}
		logged = j.deps.now()
		j.deps.Log.Info("audience run", "run", p.Run, "phase", string(p.Phase), "records", p.Rows, "offsets", p.Total, "left", p.Left,
			"members", p.Members, "files", p.Files, "of", p.AllFiles)
	}
}
