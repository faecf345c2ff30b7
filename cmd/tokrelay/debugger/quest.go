package debugger

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// quest is what is looked for: digests of what was typed, in the forms it may have been hashed in, or a place.
type quest struct {
	sent    map[string]bool            // SHA-256 and MD5 digests as requests hold them, in hexadecimal
	digests map[[sha256.Size]byte]bool // of texts in clear
	place   *pipeline.Position

	countries []identity.Country // of numbers in national form
}

func newQuest(digests []string, at string) (*quest, bool) {
	q := &quest{sent: map[string]bool{}, digests: map[[sha256.Size]byte]bool{}}
	for _, text := range digests[:min(len(digests), mostDigests)] {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size && len(sum) != md5.Size {
			return nil, false
		}
		q.sent[strings.ToLower(text)] = true
		if len(sum) == sha256.Size {
			q.digests[[sha256.Size]byte(sum)] = true
		}
	}
	if position, err := deadletter.ParsePlace(at); err == nil {
		q.place = &position
	}
	return q, len(q.sent) > 0 || q.place != nil
}

// in finds the items of a call that are looked for. The whole request is searched first, for most calls do not have it.
func (q *quest) in(e *calls.Entry) (list []int) {
	hit := map[int]bool{}
	if q.isSent(e.Request) {
		for i, item := range takeApart(e.Request).items {
			hit[i] = q.isSent(item)
		}
	}
	for i := range e.Rows {
		if hit[i] || q.isRow(&e.Rows[i]) {
			list = append(list, i)
		}
	}
	return list
}

// wants reports whether a record of the calls topic may hold what is looked for: any text of it that is one of the digests, or
// has one, or its place.
func (q *quest) wants(record []byte) bool {
	if q.place != nil {
		return calls.HasRow(record, q.place)
	}
	if q.isSent(record) {
		return true
	}
	return hasText(calls.RowsText(record), func(id []byte) bool { return q.digests[sha256.Sum256(id)] })
}

// isSent reports whether JSON holds one of the digests.
func (q *quest) isSent(text []byte) bool {
	return len(q.sent) > 0 && hasText(text, func(value []byte) bool {
		return (len(value) == 2*sha256.Size || len(value) == 2*md5.Size) && q.sent[string(value)]
	})
}

// hasText reports whether a text of the JSON that is not a name is wanted.
func hasText(text []byte, wanted func([]byte) bool) bool {
	for p := range jsontext.Pieces(text) {
		if p.Quoted && !p.IsName && wanted(p.Text) {
			return true
		}
	}
	return false
}

func (q *quest) isRow(at *pipeline.Position) bool {
	return q.isPlace(at.Topic, at.Partition, at.Offset) || at.EventID != "" && q.isText(at.EventID)
}

func (q *quest) isPlace(topic string, partition int32, offset int64) bool {
	return q.place != nil && offset == q.place.Offset && partition == q.place.Partition && topic == q.place.Topic
}

func (q *quest) isText(text string) bool {
	return len(q.digests) > 0 && q.digests[sha256.Sum256([]byte(text))]
}

// isPerson reports whether a text of a row is what was typed, in one of the forms identifiers have.
func (q *quest) isPerson(text string) bool {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return false
	}
	if q.isText(trimmed) || q.isText(strings.ToLower(trimmed)) {
		return true
	}
	if strings.Contains(trimmed, "@") {
		return q.isHash(identity.Email{RemoveSpaces: true}.Hash([]byte(trimmed)))
	}
	if !phoneLike(trimmed) {
		return false
	}
	return q.isHash(identity.Phone{}.Hash([]byte(trimmed))) || slices.ContainsFunc(q.countries, func(c identity.Country) bool {
		return q.isHash(identity.Phone{Country: c}.Hash([]byte(trimmed)))
	})
}

func (q *quest) isHash(h identity.Hash, err error) bool {
	return err == nil && !h.IsZero() && q.digests[[sha256.Size]byte(h.AppendDigest(nil))]
}

// phoneLike reports whether a text may be a telephone number: few others are worth the work.
func phoneLike(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune(" +()./-", r):
			return false
		}
	}
	return digits >= 7 && digits <= 17
}

// callingCodes are those of the countries, so that the browser can try numbers in national form.
func callingCodes(countries []identity.Country) string {
	var codes []string
	for _, country := range countries {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country.String()))
		if code != "0" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return strings.Join(codes, " ")
}
