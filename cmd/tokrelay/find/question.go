package find

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
)

// As is what is looked for is taken for.
type As string

// What may be looked for.
const (
	Email    As = "email"
	Phone    As = "phone"
	Device   As = "device"
	Digest   As = "digest"
	Place    As = "position"
	EventID  As = "event-id"
	Key      As = "key"
	Customer As = "customer-id"
	Number   As = "number" // Text that may be a phone number in national form
	Text     As = "text"   // no form of its own
)

// Kinds are all that a caller may decide on.
var Kinds = []As{Email, Phone, Device, Digest, Place, EventID, Key, Customer}

// kinds say what an answer calls it, and where it may be found: in audiences, and in rows as a person, as an event id, as a record's key.
var kinds = map[As]struct {
	words                        string
	audience, person, event, key bool
}{
	Email:    {"an e-mail address", true, true, false, true},
	Phone:    {"a phone number", true, true, false, true},
	Device:   {"a device id", true, true, false, true},
	Digest:   {"a digest", true, true, true, true},
	Place:    {"a position in Kafka", false, false, false, false},
	EventID:  {"an event id", false, false, true, false},
	Key:      {"a record key", false, false, false, true},
	Customer: {"a customer id", false, true, false, false},
	Number:   {"a phone number, an event id, a customer id or a record key", true, true, true, true},
	Text:     {"an event id, a customer id or a record key", false, true, true, true},
}

// Words say what it was taken for.
func (a As) Words() string { return kinds[a].words }

// Question is what is looked for: a position, or digests of the forms in which what was typed may have been hashed.
type Question struct {
	As      As
	Place   *pipeline.Position
	Digests [][]byte // SHA-256, and MD5 of device ids
}

// mostDigests is how many forms a question may have: of a number in national form there are some for each country.
const mostDigests = 1000

// Asked is the question that the page asks: its browser has hashed what was typed. The error names what is missing, and not what was sent.
func Asked(as string, digests []string, place string) (*Question, error) {
	q := &Question{As: As(as)}
	if position, err := deadletter.ParsePlace(place); err == nil {
		return &Question{As: Place, Place: &position}, nil
	}
	if _, known := kinds[q.As]; !known || q.As == Place {
		q.As = Text
	}
	if len(digests) > mostDigests {
		return nil, fmt.Errorf("more than %d digests: look for fewer at once", mostDigests)
	}
	for _, text := range digests {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size && len(sum) != md5.Size {
			return nil, fmt.Errorf("a digest is not one: it must be SHA-256 or MD5 in hexadecimal")
		}
		q.add(sum)
	}
	if len(q.Digests) == 0 {
		return nil, fmt.Errorf("nothing to look for: give digests, or a position topic/partition/offset")
	}
	return q, nil
}

var (
	isDigest = regexp.MustCompile(`^(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{32})$`)
	isDevice = regexp.MustCompile(`^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	isPhone  = regexp.MustCompile(`^(?:\+|00)?[\d\s()./-]*\d[\d\s()./-]*$`)
)

// Recognise makes the question of a text in clear. as decides what it is; "" has it recognised. The countries are those of phone numbers in
// national form. The error does not repeat the text.
func Recognise(text string, as As, countries []identity.Country) (*Question, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, errors.New("nothing to look for: give an address, a number, an id, a key or a position topic/partition/offset")
	}
	q := &Question{As: cmp.Or(as, recognise(text))}
	switch q.As {
	case Place:
		position, err := deadletter.ParsePlace(text)
		if err != nil {
			return nil, fmt.Errorf("it is not a position in Kafka: that is topic/partition/offset, like shop.public.orders/0/4711")
		}
		q.Place = &position
	case Digest:
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size && len(sum) != md5.Size {
			return nil, fmt.Errorf("it is not a digest: that is SHA-256 or MD5 in hexadecimal digits")
		}
		q.add(sum)
	case Email:
		q.emails(text)
	case Phone, Number:
		q.phones(text, countries)
	case Device:
		q.device(text)
	}
	if len(q.Digests) == 0 && (q.As == Email || q.As == Phone) {
		if as != "" {
			return nil, fmt.Errorf("it is not %s that could be hashed: see tokrelay find --help for --as", as.Words())
		}
		q.As = Text
	}
	if q.As != Place {
		q.texts(text) // it may be a record's key, and an event id may look like anything
	}
	return q, nil
}

func recognise(text string) As {
	_, err := deadletter.ParsePlace(text)
	switch {
	case err == nil:
		return Place
	case strings.Count(text, "@") == 1:
		return Email
	case isDigest.MatchString(text):
		return Digest
	case isDevice.MatchString(text):
		return Device
	case strings.HasPrefix(text, "+") && phoneLike(text):
		return Phone
	case phoneLike(text):
		return Number
	}
	return Text
}

// phoneLike reports whether a text may be a phone number: few others are worth the work.
func phoneLike(text string) bool {
	digits := strings.Count(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return ' '
	}, text), "0")
	return digits >= 7 && digits <= 17 && isPhone.MatchString(text)
}

func (q *Question) add(sum []byte) {
	if !slices.ContainsFunc(q.Digests, func(d []byte) bool { return bytes.Equal(d, sum) }) {
		q.Digests = append(q.Digests, sum)
	}
}

func (q *Question) sum(form []byte) {
	sum := sha256.Sum256(form)
	q.add(sum[:])
}

func (q *Question) hash(h identity.Hash, err error) {
	if err == nil && !h.IsZero() {
		q.add(h.AppendDigest(nil))
	}
}

// emails are the forms that syncs may hash: with and without dots and tags.
func (q *Question) emails(text string) {
	for _, e := range []identity.Email{{}, {StripPlusTag: true}, {StripDots: true}, {StripPlusTag: true, StripDots: true}} {
		e.RemoveSpaces = true
		q.hash(e.Hash([]byte(text)))
	}
}

func (q *Question) phones(text string, countries []identity.Country) {
	q.hash(identity.Phone{}.Hash([]byte(text)))
	for _, country := range countries {
		q.hash(identity.Phone{Country: country}.Hash([]byte(text)))
	}
}

func (q *Question) device(text string) {
	for _, form := range []string{strings.ToLower(text), strings.ToUpper(text)} {
		q.sum([]byte(form))
		sum := md5.Sum([]byte(form))
		q.add(sum[:])
	}
}

// texts are the forms of ids and keys.
func (q *Question) texts(text string) {
	for _, form := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
		q.sum([]byte(form))
	}
	for _, form := range keyForms(text) {
		q.sum(form)
	}
}
