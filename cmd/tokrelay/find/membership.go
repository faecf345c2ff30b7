package find

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Membership is whether a person is in an audience at present: by one identifier, or by none of those that were asked for.
type Membership struct {
	Sync     string    `json:"sync"`
	Audience string    `json:"audience"` // its name, or its id
	Kind     string    `json:"kind"`
	In       bool      `json:"in"`
	Pending  bool      `json:"pending,omitempty"` // it is about to be the other way round, or TikTok is being told of it
	Type     string    `json:"type,omitempty"`    // of the identifier
	Digest   string    `json:"digest,omitempty"`  // its first eight digits
	Since    time.Time `json:"since,omitzero"`    // in it, or out of it
	Next     time.Time `json:"next_upload,omitzero"`
	Rows     []Wanter  `json:"rows,omitempty"`    // because of which it is in, or will be
	Refused  bool      `json:"refused,omitempty"` // TikTok refused the identifier, or the change that was made last
	Waiting  int64     `json:"waiting,omitempty"` // rows of the sync that have not settled: they may change it
	Unknown  string    `json:"unknown,omitempty"` // why it cannot be said
	Words    string    `json:"words"`
	Tone     Tone      `json:"-"`

	hash []byte
}

// Wanter is a row because of which an identifier is in an audience.
type Wanter struct {
	Sync    string    `json:"sync"`
	At      string    `json:"row"`
	Changed time.Time `json:"changed"`
}

// memberships are those of the digests in the audiences of syncs.
func (f *search) memberships(ctx context.Context, syncs []*daemon.Sync, digests [][]byte) {
	if len(digests) == 0 {
		return
	}
	seen := map[string]bool{}
	for _, s := range syncs {
		var err error
		var list []Membership
		switch s.Kind() {
		case daemon.KindSegment:
			list, err = f.streamed(ctx, s, digests)
		case daemon.KindFile:
			list, err = f.uploaded(ctx, s, digests)
		}
		f.problem("the audience of "+s.Name, err)
		for _, m := range list {
			if id := fmt.Sprint(m.Kind, m.Audience, m.Type, m.Digest, m.Words); !seen[id] { // syncs may share an audience
				seen[id] = true
				f.answer.Memberships = append(f.answer.Memberships, m)
			}
		}
	}
}

// streamed are the memberships in an audience that is filled row by row, as the owners of digests know them.
func (f *search) streamed(ctx context.Context, s *daemon.Sync, digests [][]byte) ([]Membership, error) {
	all, err := f.wiring.Wanted(ctx, s, digests)
	if err != nil {
		return nil, err
	}
	none := Membership{Sync: s.Name, Audience: nameOf(s, ""), Kind: s.Kind(), Tone: Idle}
	if all == nil {
		none.Words = "not in " + none.Audience + ": the sync has not run yet"
		return []Membership{none}, nil
	}
	var list []Membership
	for _, w := range all.Wishes {
		list = append(list, f.wished(s, w, all.Waiting))
	}
	if len(list) == 0 {
		none.Waiting = all.Waiting
		none.Words = "not in " + none.Audience + ": no row wants it" + waitingWords(all.Waiting)
		return []Membership{none}, nil
	}
	return list, nil
}

// wished says of one identifier whether it is in.
func (f *search) wished(s *daemon.Sync, w *owners.Wish, waiting int64) Membership {
	m := Membership{Sync: s.Name, Audience: nameOf(s, w.Audience), Kind: s.Kind(), In: w.In, Type: w.Kind.Name(), Digest: hex.EncodeToString(w.Hash)[:8], Waiting: waiting, hash: w.Hash}
	for _, by := range w.By {
		m.Rows = append(m.Rows, Wanter{Sync: f.byTag(by.Sync), At: pipeline.Position{Topic: by.Topic, Partition: by.Partition, Offset: by.Offset}.String(), Changed: by.Changed})
	}
	wanted := len(w.By) > 0
	m.Pending = wanted != w.In || w.Open
	switch {
	case w.In && wanted && w.Open:
		m.Tone, m.Since, m.Words = Good, w.Since, "in "+m.Audience+at(" since ", w.Since)+"; TikTok is being told once more"
	case w.In && wanted:
		m.Tone, m.Since, m.Words = Good, w.Since, "in "+m.Audience+at(" since ", w.Since)
	case w.In:
		m.Tone, m.Since, m.Words = Wait, w.Left, "leaving "+m.Audience+": TikTok is being told"+at(", since ", w.Left)
	case wanted:
		m.Tone, m.Since, m.Words = Wait, w.Since, "on its way into "+m.Audience+": TikTok is being told"+at(", since ", w.Since)
	case w.Open:
		m.Tone, m.Since, m.Words = Wait, w.Left, "not in "+m.Audience+at(", given up at ", w.Left)+"; TikTok is being told"
	default:
		m.Tone, m.Since, m.Words = Idle, w.Left, "not in "+m.Audience+at(", removed at ", w.Left)
	}
	m.Words += wantedWords(m.Rows) + waitingWords(waiting)
	return m
}

func wantedWords(rows []Wanter) string {
	if len(rows) < 2 {
		return ""
	}
	return fmt.Sprintf("; wanted by %d rows", len(rows))
}

func waitingWords(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d row(s) of the sync on their way may change it", n)
}

// refusals says of identifiers that TikTok refused them: for their owners that counts as told. The outcomes of refused ones are of this
// question's rows; a row may have other identifiers, which TikTok took.
func (a *Answer) refusals() {
	for i := range a.Memberships {
		m := &a.Memberships[i]
		for _, r := range a.Rows {
			wants := slices.ContainsFunc(m.Rows, func(w Wanter) bool { return w.At == r.At && w.Sync == r.Sync })
			if wants && r.isDead() && hasPrefixOf(r.refused, m.hash) {
				m.Refused, m.In, m.Pending, m.Tone = true, false, false, Stop
				m.Words = "not in " + m.Audience + ", though it should be: TikTok refused it, see the rejected row"
			}
		}
	}
}

// hasPrefixOf reports whether first bytes of digests are those of a digest.
func hasPrefixOf(prefixes, digest []byte) bool {
	for rest := prefixes; len(rest) >= outcomes.Prefix; rest = rest[outcomes.Prefix:] {
		if bytes.HasPrefix(digest, rest[:outcomes.Prefix]) {
			return true
		}
	}
	return false
}

// byTag is the name of the sync with the tag.
func (f *search) byTag(tag owners.Tag) string {
	for i := range f.wiring.Config.Syncs {
		if name := f.wiring.Config.Syncs[i].Name; owners.TagOf(name) == tag {
			return name
		}
	}
	return "a sync that is not in the configuration"
}

// nameOf is how the sync's audience is called, or the one that a row names.
func nameOf(s *daemon.Sync, inRow string) string {
	if inRow != "" {
		return inRow
	}
	name, id := s.AudienceNamed()
	switch {
	case name != "":
		return name
	case id != "":
		return "audience " + id
	}
	return "the audiences that rows of " + s.Name + " name"
}

// fitting are the digests that an audience with such types may hold. Where an identifier is missing there are zeros.
func fitting(kinds []member.Kind, digests [][]byte) (list [][]byte) {
	for _, d := range digests {
		if slices.ContainsFunc(kinds, func(k member.Kind) bool { return k.Size() == len(d) }) && !bytes.Equal(d, make([]byte, len(d))) {
			list = append(list, d)
		}
	}
	return list
}
