package sandbox

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
)

// source is the identity of an event source.
type source struct{ kind, id string }

// accounts knows who owns what. Tokens are kept as hashes, so that nothing can print them.
type accounts struct {
	apps        []App
	advertisers map[string]Advertiser
	sources     map[source]Source
	order       []Source // as configured, for lists

	mu      sync.Mutex
	tokens  map[[sha256.Size]byte]Token
	initial []Token
}

func newAccounts(cfg Config) *accounts {
	a := &accounts{apps: cfg.Apps, advertisers: map[string]Advertiser{}, sources: map[source]Source{}, initial: cfg.Tokens}
	for _, adv := range cfg.Advertisers {
		a.advertisers[adv.ID] = adv
	}
	for _, s := range cfg.Sources {
		s.Kind = cmp.Or(s.Kind, "web")
		a.sources[source{s.Kind, s.ID}] = s
		a.order = append(a.order, s)
	}
	a.reset()
	return a
}

// reset brings back the configured tokens and forgets all others.
func (a *accounts) reset() {
	a.mu.Lock()
	a.tokens = map[[sha256.Size]byte]Token{}
	a.mu.Unlock()
	for _, t := range a.initial {
		a.grant(t)
	}
}

// grant makes a token valid.
func (a *accounts) grant(t Token) {
	t.App = cmp.Or(t.App, a.apps[0].ID)
	if t.Scopes == nil {
		t.Scopes = AllScopes()
	}
	if t.Advertisers == nil {
		for id := range a.advertisers {
			t.Advertisers = append(t.Advertisers, id)
		}
		slices.Sort(t.Advertisers)
	}
	key := sha256.Sum256([]byte(t.Value))
	t.Value = ""
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[key] = t
}

// revoke makes a token invalid and reports what it was.
func (a *accounts) revoke(value string) (Token, bool) {
	key := sha256.Sum256([]byte(value))
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.tokens[key]
	delete(a.tokens, key)
	return t, ok
}

func (a *accounts) revokeAll() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.tokens)
	clear(a.tokens)
	return n
}

func (a *accounts) token(value string) (Token, bool) {
	key := sha256.Sum256([]byte(value))
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.tokens[key]
	return t, ok
}

func (a *accounts) app(id string) (App, bool) {
	for _, app := range a.apps {
		if app.ID == id {
			return app, true
		}
	}
	return App{}, false
}

// authenticate finds the token of a call and asks for the endpoint's permission.
func (s *Sandbox) authenticate(header string, e endpoint) (Token, *refusal) {
	if strings.TrimSpace(header) == "" {
		return Token{}, refuse(codeNoToken, "Access token is null, you should set it in http header with key Access-Token.")
	}
	t, ok := s.accounts.token(header)
	if !ok {
		return Token{}, refuse(codeBadToken, "Access token is incorrect or has been revoked.")
	}
	if e.scope != 0 && !t.permits(e.scope) {
		return t, lacksScope(e)
	}
	return t, nil
}

func (t Token) permits(scope int64) bool {
	parent := map[int64]int64{
		ScopeAudienceRead: ScopeAudience, ScopeAudienceWrite: ScopeAudience,
		ScopePixelEvents: ScopeMeasurement, ScopeEvents: ScopeMeasurement,
	}
	return slices.Contains(t.Scopes, scope) || slices.Contains(t.Scopes, cmp.Or(parent[scope], scope))
}

// reaches says no where a call's token has no access to an advertiser.
func (s *Sandbox) reaches(c *call, advertiser string) *refusal {
	if _, ok := s.accounts.advertisers[advertiser]; ok && slices.Contains(c.token.Advertisers, advertiser) {
		return nil
	}
	return notGranted(c.endpoint)
}

// misfits reports whether an id is not one of its event_source's: it is known under another, or is a pixel's code where all ids
// are numbers.
func (s *Sandbox) misfits(of source) bool {
	if _, known := s.accounts.sources[of]; known {
		return false
	}
	elsewhere := slices.ContainsFunc(s.accounts.order, func(other Source) bool { return other.ID == of.id })
	return elsewhere || of.kind != "web" && strings.Trim(of.id, "0123456789") != ""
}

// ownsSource says no where an event source is unknown or not the token's.
func (s *Sandbox) ownsSource(t Token, of source) *refusal {
	known, ok := s.accounts.sources[of]
	if ok && slices.Contains(t.Advertisers, known.Advertiser) {
		return nil
	}
	if of.kind == "web" {
		return refuse(codeNoPermission, textPixelOwner, of.id)
	}
	return refuse(codeNoPermission, "No permission to operate event source: %s. You must be an admin or operator of this advertiser account.", of.id)
}
