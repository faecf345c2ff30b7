package sandbox

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var adminPage []byte

// chunk is how many events the view copies at a time.
const chunk = 10_000

// view is the simulator's own side, for people and for other processes. It asks for no token: bind it to loopback.
func (s *Sandbox) view() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox/{$}", adminIndex)
	mux.HandleFunc("GET /sandbox/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.state()) })
	mux.HandleFunc("GET /sandbox/events", s.viewEvents)
	mux.HandleFunc("GET /sandbox/calls", s.viewCalls)
	mux.HandleFunc("GET /sandbox/audiences/{id}/members", s.viewMembers)
	mux.HandleFunc("POST /sandbox/audiences/{id}", s.changeAudience)
	mux.HandleFunc("DELETE /sandbox/audiences/{id}", s.dropAudience)
	mux.HandleFunc("POST /sandbox/pixelevents", command(s.browserOrder))
	mux.HandleFunc("GET /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Faults()) })
	mux.HandleFunc("POST /sandbox/faults", command(s.faultOrder))
	mux.HandleFunc("DELETE /sandbox/faults", command(func(struct{}) (any, error) { s.ClearFaults(); return nil, nil }))
	mux.HandleFunc("DELETE /sandbox/faults/{id}", s.dropFault)
	mux.HandleFunc("POST /sandbox/reset", command(func(struct{}) (any, error) { s.Reset(); return nil, nil }))
	mux.HandleFunc("POST /sandbox/tokens", command(s.grantOrder))
	mux.HandleFunc("POST /sandbox/tokens/revoke", command(s.revokeOrder))
	mux.HandleFunc("POST /sandbox/clock", command(s.clockOrder))
	return http.NewCrossOriginProtection().Handler(mux)
}

func adminIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
	_, _ = w.Write(adminPage)
}

// State is everything the view shows but the events and calls themselves.
type State struct {
	Stats
	Advertisers []string     `json:"advertisers"`
	Sources     []string     `json:"event_sources"`
	Audiences   []Audience   `json:"audiences"`
	Uploads     []Upload     `json:"uploads"`
	Faults      []FaultState `json:"faults"`
}

func (s *Sandbox) state() State {
	state := State{Stats: s.Stats(), Audiences: s.Audiences(), Uploads: s.Uploads(), Faults: s.Faults()}
	for _, a := range s.cfg.Advertisers {
		state.Advertisers = append(state.Advertisers, a.ID)
	}
	for _, one := range s.accounts.order {
		state.Sources = append(state.Sources, one.Kind+" "+one.ID)
	}
	return state
}

// command answers a request that carries an order as JSON, or nothing.
func command[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var order T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&order); err != nil && !errors.Is(err, io.EOF) {
			fail(w, unreadable(err, order))
			return
		}
		answer, err := do(order)
		if err != nil {
			fail(w, err)
			return
		}
		if answer == nil {
			answer = struct{}{}
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// unreadable says what is wrong with an order, in words of ours: it is not JSON, or one of its fields is wrong.
func unreadable(err error, order any) error {
	what := "a value is not of its field's form"
	_, broken := errors.AsType[*json.SyntaxError](err)
	if broken || errors.Is(err, io.ErrUnexpectedEOF) {
		what = "the body is not JSON"
	} else if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what = fmt.Sprintf("field %q has a value of another type", wrong.Field)
	} else if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		what = "field " + name + " is not known"
	}
	var names []string
	for field := range reflect.TypeOf(order).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	if names == nil {
		return fmt.Errorf("read order: %s; it has no fields", what)
	}
	return fmt.Errorf("read order: %s; its fields are: %s", what, strings.Join(names, ", "))
}

func fail(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

// tokenOrder is the body of the two commands about tokens.
type tokenOrder struct {
	Token       string   `json:"token"`
	All         bool     `json:"all"`
	Advertisers []string `json:"advertisers"`
	Scopes      []int64  `json:"scopes"`
}

func (s *Sandbox) grantOrder(o tokenOrder) (any, error) {
	if o.Token == "" {
		return nil, errors.New("grant token: token is required")
	}
	s.GrantToken(Token{Value: Secret(o.Token), Advertisers: o.Advertisers, Scopes: o.Scopes})
	return nil, nil
}

func (s *Sandbox) revokeOrder(o tokenOrder) (any, error) {
	switch {
	case o.All:
		return map[string]int{"revoked": s.RevokeTokens()}, nil
	case s.RevokeToken(o.Token):
		return map[string]int{"revoked": 1}, nil
	}
	return nil, errors.New("revoke token: token is not a valid one; all: true revokes every one")
}

func (s *Sandbox) faultOrder(j faultJSON) (any, error) {
	f, err := j.fault()
	if err != nil {
		return nil, err
	}
	return map[string]int{"id": s.AddFault(f)}, nil
}

// clockOrder is the body of the command that moves the clock.
type clockOrder struct {
	Advance string `json:"advance"`
}

func (s *Sandbox) clockOrder(o clockOrder) (any, error) {
	d, err := time.ParseDuration(o.Advance)
	if err != nil || d < 0 {
		return nil, errors.New("advance clock: advance must be a duration such as 24h")
	}
	s.Advance(d)
	return map[string]time.Time{"now": s.now()}, nil
}

// changeAudience does to an audience what another company, the calendar or TikTok would.
func (s *Sandbox) changeAudience(w http.ResponseWriter, r *http.Request) {
	command(func(to AudienceChange) (any, error) {
		if !s.Change(r.PathValue("id"), to) {
			return nil, errors.New("change audience: there is none with this id; GET /sandbox/state lists them")
		}
		return nil, nil
	})(w, r)
}

func (s *Sandbox) dropAudience(w http.ResponseWriter, r *http.Request) {
	if !s.Delete(r.PathValue("id")) {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Sandbox) dropFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !s.RemoveFault(id) {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

// viewNumber reads a whole number of a view's query; "all" is the largest.
func viewNumber(r *http.Request, name string, usual int) (int, error) {
	switch text := r.URL.Query().Get(name); text {
	case "":
		return usual, nil
	case "all":
		return 1 << 40, nil
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("read %s: not a number", name)
		}
		return n, nil
	}
}
