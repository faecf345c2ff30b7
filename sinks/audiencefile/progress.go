package audiencefile

import (
	"sync"
	"time"
)

// Phase is what a run is doing.
type Phase string

const (
	PhaseIdle      Phase = "idle"
	PhaseReading   Phase = "reading"
	PhaseSorting   Phase = "sorting"
	PhaseWriting   Phase = "writing"
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

func (p *progress) begin(run string) {
	now := p.now()
	p.set(func(v *Progress) { *v = Progress{Phase: PhaseReading, Run: run, Began: now, Since: now} })
}

func (p *progress) phase(phase Phase) {
	p.set(func(v *Progress) { v.Phase, v.Since = phase, p.now() })
}

func (p *progress) reading(spans []Span) {
	p.set(func(v *Progress) { v.Partitions, v.Total = len(spans), size(spans) })
}

func (p *progress) add(rows int)      { p.set(func(v *Progress) { v.Rows += int64(rows) }) }
func (p *progress) write(members int) { p.set(func(v *Progress) { v.Members += int64(members) }) }

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
