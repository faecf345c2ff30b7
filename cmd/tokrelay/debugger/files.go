package debugger

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// filesPage shows the audiences that are replaced whole: the upload under way and those before.
type filesPage struct {
	Audiences []fileView `json:"audiences"`
	Asked     string     `json:"-"` // the sync of which an upload was just asked for
}

// fileView is one file audience.
type fileView struct {
	Sync     string                  `json:"sync"`
	Audience string                  `json:"audience"`
	Schedule string                  `json:"schedule"`
	Zone     string                  `json:"timezone"`
	Next     time.Time               `json:"next,omitzero"` // by the schedule, and not within TikTok's day
	State    state                   `json:"state"`
	Progress audiencefile.Progress   `json:"progress"`
	Busy     bool                    `json:"-"`
	Runs     []audiencefile.Manifest `json:"uploads"`
	Problem  string                  `json:"problem,omitempty"`
}

// Last is the newest run, not counting such as found that TikTok takes one upload a day.
func (f *fileView) Last() *audiencefile.Manifest {
	for i := range f.Runs {
		if f.Runs[i].Result != audiencefile.TooSoon {
			return &f.Runs[i]
		}
	}
	return &f.Runs[0]
}

func (p *Page) files(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	v := &filesPage{Asked: r.URL.Query().Get("asked")}
	for i := range p.d.Wiring.Config.Syncs {
		s := &p.d.Wiring.Config.Syncs[i]
		if job := p.d.FileJob(s.Name); job != nil {
			v.Audiences = append(v.Audiences, p.file(ctx, s, job))
		}
	}
	return v, nil
}

func (p *Page) file(ctx context.Context, s *daemon.Sync, job *audiencefile.Job) fileView {
	c, progress := s.AudienceFile, job.Progress()
	f := fileView{Sync: s.Name, Audience: cmp.Or(c.Audience.Name, c.Audience.ID), Schedule: c.Schedule, Zone: c.Timezone,
		Progress: progress, State: fileState(progress, c.Schedule), Busy: progress.Phase != audiencefile.PhaseIdle && progress.Phase != ""}
	if troubles := p.d.Wiring.Status.Troubles(s.Name); len(troubles) > 0 {
		f.State = troubleState(troubles[0])
	}
	standing, err := p.uploads.get(s.Name, func() (*audiencefile.Standing, error) { return job.Standing(ctx) })
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	f.Runs, f.Next = standing.Runs, standing.Next
	return f
}

// When is the next upload by the schedule, in words, in the schedule's own time zone.
func (f *fileView) When() string { return nextWords(f.Next, time.Now()) }

func nextWords(next, now time.Time) string {
	now = now.In(next.Location())
	days := int(midnight(next).Sub(midnight(now)).Round(24*time.Hour) / (24 * time.Hour))
	at := " at " + next.Format("15:04 MST")
	switch {
	case days == 0:
		return "today" + at
	case days == 1:
		return "tomorrow" + at
	case days < 7:
		return "on " + next.Format("Monday") + at
	}
	return "on " + next.Format("2 January") + at
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// phases are what an upload does, in words.
var phases = map[audiencefile.Phase]string{
	audiencefile.PhaseReading:   "reading the topic",
	audiencefile.PhaseSorting:   "sorting",
	audiencefile.PhaseWriting:   "writing files",
	audiencefile.PhaseWaiting:   "waiting for TikTok’s day to pass",
	audiencefile.PhaseUploading: "uploading",
}

func fileState(p audiencefile.Progress, schedule string) state {
	switch text := phases[p.Phase]; {
	case text != "":
		return state{Tone: "busy", Words: text, Since: p.Since}
	case schedule == "":
		return state{Tone: "good", Words: "ready"}
	}
	return state{Tone: "good", Words: "waiting for its schedule"}
}

// resultTones colour how an upload ended.
var resultTones = map[audiencefile.Result]string{
	audiencefile.Uploaded: "good", audiencefile.Unchanged: "good", audiencefile.TooSoon: "idle", audiencefile.PutOff: "wait",
	audiencefile.TooSmall: "wait", audiencefile.Shrunk: "stop", audiencefile.Stopped: "stop", audiencefile.Broken: "wait", audiencefile.Cut: "wait",
}

// resultWords say it.
var resultWords = map[audiencefile.Result]string{
	audiencefile.Uploaded: "uploaded", audiencefile.Unchanged: "unchanged, not sent", audiencefile.TooSoon: "too soon after the last",
	audiencefile.PutOff: "put off: TikTok is busy", audiencefile.TooSmall: "too few members", audiencefile.Shrunk: "shrank too much: someone has to look",
	audiencefile.Stopped: "stopped", audiencefile.Broken: "failed, will be tried again",
	audiencefile.Cut: "cut off, will be made again",
}
