package sandbox

import (
	"slices"
	"time"
)

// Audience is a snapshot of one custom audience.
type Audience struct {
	ID         string         `json:"audience_id"`
	Name       string         `json:"name"`
	Advertiser string         `json:"advertiser_id"`
	Segment    bool           `json:"segment"`     // filled through /segment/mapping/
	Foreign    bool           `json:"foreign"`     // another company's, shared with this advertiser
	SharedWith []string       `json:"shared_with"` // advertisers
	Expires    time.Time      `json:"expires"`
	Type       string         `json:"calculate_type"` // of a file audience
	Valid      bool           `json:"is_valid"`
	Processing bool           `json:"processing"`
	Cover      int            `json:"cover_num"`
	Failure    string         `json:"error_msg,omitempty"`
	Members    int            `json:"members"` // distinct ids of all types
	Sizes      map[string]int `json:"sizes"`   // by type of identifier
	Added      int64          `json:"added"`   // members a segment call really added
	Removed    int64          `json:"removed"` // and removed
	Idle       int64          `json:"idle"`    // adds of members and removals of strangers
	History    []HistoryEntry `json:"history"`
}

// Audiences returns the audiences that exist, in the order of their creation.
func (s *Sandbox) Audiences() []Audience {
	now := s.now()
	s.audiences.mu.Lock()
	defer s.audiences.mu.Unlock()
	list := make([]Audience, 0, len(s.audiences.order))
	for _, a := range s.audiences.order {
		a.settle(now, s.cfg.MatchRate)
		list = append(list, a.snapshot())
	}
	return list
}

func (a *audience) snapshot() Audience {
	return Audience{
		ID: a.id, Name: a.name, Advertiser: a.advertiser, Segment: a.segment, Foreign: a.foreign, SharedWith: slices.Clone(a.shared), Expires: a.expires(), Type: a.calculateType,
		Valid: a.usable(), Processing: a.job != nil, Cover: a.visibleCover(), Failure: a.failure,
		Members: a.members.total(), Sizes: a.members.sizes(),
		Added: a.added, Removed: a.removed, Idle: a.withoutTrace, History: slices.Clone(a.history),
	}
}

// AudienceChange is what happens to an audience without a call of this client; what is nil stays as it is.
type AudienceChange struct {
	IsCreator *bool      `json:"is_creator"`  // false = another company made it and shared it with this advertiser
	Shared    *[]string  `json:"shared_with"` // the advertisers it is shared with
	Expires   *time.Time `json:"expires"`     // when it expires; in the past = it has expired
	Note      *string    `json:"note"`        // msg of the newest line of its history, as after a partial success
}

// Change makes something happen to an audience and reports whether it is there.
func (s *Sandbox) Change(id string, to AudienceChange) bool {
	s.audiences.mu.Lock()
	defer s.audiences.mu.Unlock()
	a, ok := s.audiences.byID[id]
	if !ok {
		return false
	}
	if to.IsCreator != nil {
		a.foreign = !*to.IsCreator
	}
	if to.Shared != nil {
		a.shared = *to.Shared
	}
	if to.Expires != nil {
		a.expiry = *to.Expires
	}
	if to.Note != nil {
		a.history[len(a.history)-1].Msg = *to.Note
	}
	return true
}

// Delete removes an audience as its owner does in TikTok's own pages, and reports whether it was there.
func (s *Sandbox) Delete(id string) bool {
	s.audiences.mu.Lock()
	defer s.audiences.mu.Unlock()
	a, ok := s.audiences.byID[id]
	if ok {
		s.audiences.drop(a)
	}
	return ok
}

// Members returns what an audience holds: sorted hexadecimal hashes by type of identifier. It is nil for an unknown id.
// Types have the name they came under, in upper case: AAID_SHA256 in segments, GAID_SHA256 in files.
func (s *Sandbox) Members(id string) map[string][]string {
	now := s.now()
	s.audiences.mu.Lock()
	defer s.audiences.mu.Unlock()
	a, ok := s.audiences.byID[id]
	if !ok {
		return nil
	}
	a.settle(now, s.cfg.MatchRate)
	return a.members.hexes()
}

// Upload is a snapshot of one uploaded file.
type Upload struct {
	Path       string    `json:"file_path"`
	Advertiser string    `json:"advertiser_id"`
	Type       string    `json:"calculate_type"`
	Name       string    `json:"file_name"`
	Bytes      int       `json:"bytes"`
	Lines      int       `json:"lines"`    // good ones, without the header
	Bad        int       `json:"bad"`      // lines left out
	Distinct   int       `json:"distinct"` // ids
	Arrived    time.Time `json:"arrived"`
	Expired    bool      `json:"expired"`
	Used       int       `json:"used"` // by how many create and update calls
}

// Uploads returns the uploaded files in the order of their arrival.
func (s *Sandbox) Uploads() []Upload {
	now := s.now()
	s.audiences.mu.Lock()
	defer s.audiences.mu.Unlock()
	list := make([]Upload, 0, len(s.audiences.paths))
	for _, path := range s.audiences.paths {
		u := s.audiences.uploads[path]
		one := u.Upload
		one.Expired = !now.Before(u.expires)
		list = append(list, one)
	}
	return list
}
