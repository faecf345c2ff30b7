package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// audiences holds the custom audiences and the uploaded files.
type audiences struct {
	cfg Config

	mu      sync.Mutex
	byID    map[string]*audience
	order   []*audience // by creation; deleted ones leave
	next    int
	uploads map[string]*upload
	paths   []string // in the order of arrival
}

func newAudiences(cfg Config) *audiences {
	a := &audiences{cfg: cfg, next: cfg.Audiences}
	a.reset()
	return a
}

func (a *audiences) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byID, a.order = map[string]*audience{}, nil
	a.uploads, a.paths = map[string]*upload{}, nil
}

// register adds an audience, unless its advertiser has too many. The caller holds the lock.
func (a *audiences) register(now time.Time, of audience) (*audience, *refusal) {
	owned := 0
	for _, other := range a.order {
		if other.advertiser == of.advertiser {
			owned++
		}
	}
	if owned >= maxAudiences {
		return nil, refuse(codeParameter, "The number of audiences has reached the limit of %d.", maxAudiences)
	}
	a.next++
	of.id = numbered("71", a.next)
	of.created, of.members = now, memberSets{}
	of.note(now, "create", "", "")
	a.byID[of.id] = &of
	a.order = append(a.order, &of)
	return &of, nil
}

// numbered makes an id as long as TikTok's, too long for a float64.
func numbered(prefix string, n int) string { return fmt.Sprintf("%s%017d", prefix, n) }

// find returns an advertiser's audience as it is now. The caller holds the lock.
func (a *audiences) find(now time.Time, id, advertiser string) (*audience, *refusal) {
	found, ok := a.byID[id]
	if !ok {
		return nil, refuse(codeMissing, "Audience %s does not exist.", id)
	}
	if found.advertiser != advertiser && !slices.Contains(found.shared, advertiser) {
		return nil, notTheirs(id)
	}
	found.settle(now, a.cfg.MatchRate)
	return found, nil
}

// own is find for a call that only the audience's owner may make.
func (a *audiences) own(now time.Time, id, advertiser string) (*audience, *refusal) {
	found, r := a.find(now, id, advertiser)
	if r == nil && !found.ownedBy(advertiser) {
		return nil, notTheirs(id)
	}
	return found, r
}

func (a *audience) ownedBy(advertiser string) bool { return a.advertiser == advertiser && !a.foreign }

func notTheirs(id string) *refusal {
	return refuse(codeNoPermission, "No permission to operate audience: %s.", id)
}

// drop deletes an audience. The caller holds the lock.
func (a *audiences) drop(gone *audience) {
	delete(a.byID, gone.id)
	a.order = slices.DeleteFunc(a.order, func(one *audience) bool { return one == gone })
}

// advertiserOf says no unless the token reaches the advertiser the body names.
func (s *Sandbox) advertiserOf(c *call, body value) (string, *refusal) {
	id := body.str("advertiser_id")
	return id, s.reaches(c, id)
}

func upper(b []byte) string { return strings.ToUpper(string(b)) }
