package debugger

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

//go:embed assets
var assets embed.FS

// Page serves the debugger of one daemon. Run has to run next to it, for what is shown over time.
type Page struct {
	d        *daemon.Daemon
	mux      *http.ServeMux
	sampler  *sampler
	calling  string // calling codes of the configured countries
	replay   *replayer
	book     *book
	trend    *trend
	viewers  chan struct{} // one for each browser that follows live
	searches chan struct{} // one for each question under way
	finder   func() (*find.Finder, error)
	every    time.Duration // between looks for what a follower has not seen
	started  time.Time

	letters cache[lettersChosen, []*deadletter.Explained]
	uploads cache[string, *audiencefile.Standing]
	groups  cache[string, []*daemon.GroupState]
	schemas cache[string, []daemon.TopicColumns]
}

// mostViewers may follow live at the same time; others get pages that do not move.
const mostViewers = 32

// New makes the page of a daemon. It has the form of daemon.Options.Page.
func New(d *daemon.Daemon) http.Handler {
	p := &Page{d: d, mux: http.NewServeMux(), sampler: newSampler(d.Wiring.Metrics.AllCounts, d.Remembered, time.Now),
		calling: callingCodes(d.Wiring.Config.Countries()), viewers: make(chan struct{}, mostViewers), searches: make(chan struct{}, mostAtOnce), every: time.Second, started: time.Now()}
	p.letters.fresh, p.uploads.fresh, p.groups.fresh = 3*time.Second, 3*time.Second, 3*time.Second
	p.schemas.fresh = 30 * time.Second
	p.replay, p.book = newReplayer(d), newBook(d)
	p.finder = sync.OnceValues(func() (*find.Finder, error) { return find.New(d) })
	p.trend = newTrend(d.Wiring.State, d.Instance(), p.trendPoint, time.Now)
	p.routes()
	return p
}

// Run samples the metrics and carries replays out, until ctx ends.
func (p *Page) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	defer p.replay.wait()
	p.replay.start(ctx)
	beside.Go(func() { p.firstReadings(ctx) })
	beside.Go(func() { p.book.run(ctx) })
	beside.Go(func() { p.trend.run(ctx, p.syncNames()) })
	p.sampler.run(ctx)
	return nil
}

// firstReadings asks for audiences that were not there yet when they were first asked for: the schedule would come back to
// them much later.
func (p *Page) firstReadings(ctx context.Context) {
	for tick := time.NewTicker(10 * time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		for _, name := range p.syncNames() {
			if reading, ok := p.d.Audiences(name); ok && len(reading.Audiences) == 0 && p.sampler.figures(name).Delivered > 0 {
				p.d.ReadAudiences(ctx, name)
			}
		}
	}
}

func (p *Page) routes() {
	p.view("GET /{$}", "overview", p.overview)
	p.view("GET /calls", "calls", p.calls)
	p.view("GET /calls/{id}", "call", p.call)
	p.view("GET /rejected", "rejected", p.rejected)
	p.view("GET /rejected/{partition}/{offset}", "letter", p.letter)
	p.view("GET /files", "files", p.files)
	p.view("GET /actions", "actions", p.actions)
	p.view("GET /preview", "preview", p.preview)
	p.view("POST /preview", "preview", p.preview)
	p.view("GET /config", "config", p.config)
	p.view("GET /replay", "replay", p.replays)
	p.view("GET /search", "found", p.search)
	p.view("POST /search", "found", p.search)
	p.mux.HandleFunc("POST /replay/{action}", p.replayAction)
	p.view("GET /syncs/{sync}", "sync", p.sync)
	p.view("GET /syncs/{sync}/columns", "columns", p.columns)
	p.mux.HandleFunc("POST /syncs/{sync}/upload", p.uploadAction)
	p.mux.HandleFunc("POST /syncs/{sync}/{action}", p.holdAction)
	p.downloads()
	p.mux.Handle("GET /assets/", unchanging(http.FileServerFS(assets)))
	p.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, r, "problem", nil, problem{http.StatusNotFound, "there is no page at this address"})
	})
}

// unchanging lets browsers keep what only changes with the binary for a while.
func unchanging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		next.ServeHTTP(w, r)
	})
}

// policy lets a page use what this address serves and nothing else: no inline script or style, no frame, no other site.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers with the headers every answer has.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.mux.ServeHTTP(w, r)
}

const maxBody = 4 << 20

// view makes the data of a page. Its errors are pages too: a problem names the status.
type view func(r *http.Request) (any, error)

// problem is an answer that is not what was asked for.
type problem struct {
	status int
	text   string
}

func (e problem) Error() string { return e.text }

var errGone = problem{http.StatusNotFound, "it is not remembered any more, or never was"}

func (p *Page) view(pattern, name string, v view) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			p.follow(w, r, name, v)
			return
		}
		data, err := v(r)
		p.answer(w, r, name, data, err)
	})
}

// answer writes a page, or the problem with it.
func (p *Page) answer(w http.ResponseWriter, r *http.Request, name string, data any, err error) {
	f := p.frame(name, data).seenBy(r)
	f.Part = r.Method == http.MethodPost && name == "found" // it is put into the page that asked
	status := http.StatusOK
	if err != nil {
		status = statusOf(err)
		f.Template, f.Title, f.Data = "problem", "Not found", problem{status, err.Error()}.text
		if status != http.StatusNotFound {
			f.Title = "This did not work"
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := render(w, f); err != nil && r.Context().Err() == nil {
		p.d.Wiring.Log.Warn("page was not written", "page", name, "error", err)
	}
}

func statusOf(err error) int {
	if known, ok := errors.AsType[problem](err); ok {
		return known.status
	}
	return http.StatusBadGateway
}

// frame is what is around every page.
type frame struct {
	Template string
	Title    string
	Section  string
	Version  string
	Instance string
	Actions  bool
	Calling  string // calling codes of the configured countries, for the search
	Part     bool   // the content alone is written
	Caller   daemon.Caller
	Trouble  trouble
	Data     any
}

// titled is the data of a page that has a title of its own.
type titled interface{ title() string }

// titles are the pages' titles, and the sections of the navigation they belong to.
var titles = map[string][2]string{
	"overview": {"Overview", "overview"},
	"sync":     {"Sync", "overview"},
	"columns":  {"Columns", "overview"},
	"calls":    {"Calls", "calls"},
	"call":     {"Call", "calls"},
	"found":    {"Found", ""},
	"rejected": {"Rejected", "rejected"},
	"letter":   {"Rejected row", "rejected"},
	"replay":   {"Replay", "rejected"},
	"files":    {"File uploads", "files"},
	"actions":  {"Actions", "actions"},
	"preview":  {"Preview", "preview"},
	"config":   {"Configuration", "config"},
}

func (p *Page) frame(name string, data any) frame {
	t := titles[name]
	if own, ok := data.(titled); ok {
		t[0] = own.title()
	}
	return frame{Template: name, Title: t[0], Section: t[1], Version: cmp.Or(p.d.Version(), "dev"), Instance: p.d.Instance(),
		Actions: p.d.Wiring.Config.Admin.Actions, Calling: p.calling, Trouble: p.trouble(), Data: data}
}

// seenBy is the frame for who asked: viewers see no actions.
func (f frame) seenBy(r *http.Request) frame {
	f.Caller = daemon.CallerOf(r.Context())
	f.Actions = f.Actions && !f.Caller.Viewer
	return f
}

// trouble is what the title and the icon of every page tell: a sync that waits, or needs someone. The zero trouble is none.
type trouble struct {
	Tone string `json:"tone"` // stop or wait
	Text string `json:"text"`
}

// trouble is that of all instances, as they reported it last, and of this one.
func (p *Page) trouble() trouble {
	var syncs []syncView
	others := p.d.Wiring.Waits()
	for _, name := range p.syncNames() {
		v := syncView{Name: name}
		if troubles := p.d.Wiring.Status.Troubles(name); len(troubles) > 0 {
			v.State = troubleState(troubles[0])
		}
		if waits := others[name]; v.State.Tone != "stop" && len(waits) > 0 && (v.State.Tone == "" || waits[0].Stop) {
			v.State = waitState(waits[0])
		}
		syncs = append(syncs, v)
	}
	if text, tone := headline(syncs); tone == "stop" || tone == "wait" {
		return trouble{tone, text}
	}
	return trouble{}
}
