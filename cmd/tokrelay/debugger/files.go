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
}

// fileView is one file audience.
type fileView struct {
	Sync     string                  `json:"sync"`
	Audience string                  `json:"audience"`
	Schedule string                  `json:"schedule"`
	Zone     string                  `json:"timezone"`
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
	v := &filesPage{}
	for i := range p.d.Wiring.Config.Syncs {
		s := &p.d.Wiring.Config.Syncs[i]
		if job := p.d.FileJob(s.Name); job != nil {
			v.Audiences = append(v.Audiences, p.file(ctx, s, job.Progress()))
		}
	}
	return v, nil
}

func (p *Page) file(ctx context.Context, s *daemon.Sync, progress audiencefile.Progress) fileView {
	c := s.AudienceFile
	f := fileView{Sync: s.Name, Audience: cmp.Or(c.Audience.Name, c.Audience.ID), Schedule: c.Schedule, Zone: c.Timezone,
		Progress: progress, State: fileState(progress, c.Schedule), Busy: progress.Phase != audiencefile.PhaseIdle && progress.Phase != ""}
	if troubles := p.d.Wiring.Status.Troubles(s.Name); len(troubles) > 0 {
		f.State = troubleState(troubles[0])
	}
	var err error
	f.Runs, err = p.uploads.get(s.Name, func() ([]audiencefile.Manifest, error) { return p.d.Uploads(ctx, s.Name) })
	if err != nil {
		f.Problem = err.Error()
	}
	return f
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
