package find

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// matcher knows what is looked for when it sees it: a person by digests, an event by its id, a row by its key.
type matcher struct {
	person, event, key bool
	prefixes           map[[outcomes.Prefix]byte]bool
	digests            [][]byte
	hex                [][]byte
	countries          []identity.Country // of numbers in national form
}

func newMatcher(q *Question, countries []identity.Country) *matcher {
	as := kinds[q.As]
	m := &matcher{person: as.person, event: as.event, key: as.key, countries: countries, prefixes: map[[outcomes.Prefix]byte]bool{}, digests: q.Digests}
	for _, d := range q.Digests {
		m.prefixes[[outcomes.Prefix]byte(d)] = true
		m.hex = append(m.hex, hex.AppendEncode(nil, d))
	}
	return m
}

// outcome reports whether an outcome is of what is looked for.
func (m *matcher) outcome(o *outcomes.Outcome) bool {
	if m.isKey(o.Key) || m.isEvent(o.EventID) {
		return true
	}
	for rest := o.Digests; m.person && len(rest) >= outcomes.Prefix; rest = rest[outcomes.Prefix:] {
		if m.prefixes[[outcomes.Prefix]byte(rest)] {
			return true
		}
	}
	return false
}

func (m *matcher) isKey(key []byte) bool {
	return m.key && len(key) == outcomes.Prefix && m.prefixes[[outcomes.Prefix]byte(key)]
}

func (m *matcher) isEvent(id []byte) bool { return m.event && len(id) > 0 && m.isForm(id) }

// isForm reports whether a text has the hash of a form of what was typed.
func (m *matcher) isForm(text []byte) bool {
	sum := sha256.Sum256(text)
	return m.isDigest(sum[:])
}

func (m *matcher) isDigest(digest []byte) bool {
	return m.prefixes[[outcomes.Prefix]byte(digest)] && slices.ContainsFunc(m.digests, func(d []byte) bool { return bytes.Equal(d, digest) })
}

func (m *matcher) isHash(h identity.Hash, err error) bool {
	return err == nil && !h.IsZero() && m.isDigest(h.AppendDigest(nil))
}

// isPerson reports whether a text of a row is what was typed, in one of the forms identifiers have.
func (m *matcher) isPerson(text []byte) bool {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return false
	case m.isForm(text), m.isForm(bytes.ToLower(text)):
		return true
	case bytes.IndexByte(text, '@') >= 0:
		return m.isHash(identity.Email{RemoveSpaces: true}.Hash(text))
	case isDigest.Match(text):
		sum, err := hex.DecodeString(string(text))
		return err == nil && m.isDigest(sum)
	case !phoneLike(string(text)):
		return false
	}
	return m.isHash(identity.Phone{}.Hash(text)) || slices.ContainsFunc(m.countries, func(c identity.Country) bool {
		return m.isHash(identity.Phone{Country: c}.Hash(text))
	})
}

// row reports whether a source row is what is looked for: by its key, or by what its sync would make of it, whatever its conditions say. A row
// that is rejected makes nothing, and one of a person who is not a member has no digest: of those the columns are looked at.
func (m *matcher) row(ctx context.Context, t *tracer, r *pipeline.Record) bool {
	if m.isKey(outcomes.AppendKey(nil, t.sync.Framing.Identity(r))) {
		return true
	}
	items := &t.ungated.Items
	items.Reset()
	_, rejected := errors.AsType[*pipeline.Rejection](t.ungated.Row(ctx, r, 0))
	if !rejected && m.items(items) {
		return true
	}
	return m.person && (rejected || t.sync.IsAudience()) && t.holds(ctx, r, m.isPerson)
}

func (m *matcher) items(items *pipeline.Items) bool {
	for i := range items.List {
		if m.isEvent(items.ID(i)) {
			return true
		}
		body := items.Body(i)
		for d := range m.digests {
			if m.person && (bytes.Contains(body, m.hex[d]) || bytes.Contains(body, m.digests[d])) {
				return true
			}
		}
	}
	return false
}
