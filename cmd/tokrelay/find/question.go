package find

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
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

// What may be looked for. Text is what has no form of its own: an event id, a customer id or a record key.
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
	Text     As = "text"
)

// Kinds are all that a caller may decide on.
var Kinds = []As{Email, Phone, Device, Digest, Place, EventID, Key, Customer}

// words are what an answer calls it.
var words = map[As]string{Email: "an e-mail address", Phone: "a phone number", Device: "a device id", Digest: "a digest", Place: "a position in Kafka",
	EventID: "an event id", Key: "a record key", Customer: "a customer id", Text: "an event id, a customer id or a record key"}

// Words say what it was taken for.
func (a As) Words() string { return words[a] }

// Question is what is looked for: a position, or digests of the forms in which what was typed may have been hashed.
type Question struct {
	As      As
	Place   *pipeline.Position
	Digests [][]byte // SHA-256, and MD5 of device ids
}

// mostDigests is how many forms a question may have.
const mostDigests = 96

// Asked is the question that the page asks: its browser has hashed what was typed. The error names what is missing, and not what was sent.
func Asked(as string, digests []string, place string) (*Question, error) {
	q := &Question{As: As(as)}
	if position, err := deadletter.ParsePlace(place); err == nil {
		return &Question{As: Place, Place: &position}, nil
	}
	if q.As != Text && q.As != Number && (q.As == Place || !slices.Contains(Kinds, q.As)) {
		q.As = Text
	}
	for _, text := range digests[:min(len(digests), mostDigests)] {
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
	text = strings.TrimSpace(text)
	if as == "" {
		as = recognise(text)
	}
	q := &Question{As: as}
	switch as {
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
		q.texts(text) // an event id may look like one
	case Email:
		q.emails(text)
	case Phone, Number:
		q.phones(text, countries)
	case Device:
		q.device(text)
	default:
		q.texts(text)
	}
	if q.Place == nil && len(q.Digests) == 0 {
		return nil, fmt.Errorf("it is not %s that could be hashed: see tokrelay find --help for --as", as.Words())
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

// isPerson reports whether an audience may hold what it is taken for.
func (a As) isPerson() bool {
	return a == Email || a == Phone || a == Device || a == Digest || a == Number
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
	q.texts(text) // it may be a record key
}

func (q *Question) phones(text string, countries []identity.Country) {
	q.hash(identity.Phone{}.Hash([]byte(text)))
	for _, country := range countries {
		q.hash(identity.Phone{Country: country}.Hash([]byte(text)))
	}
	q.texts(text)
}

func (q *Question) device(text string) {
	for _, form := range []string{strings.ToLower(text), strings.ToUpper(text)} {
		q.sum([]byte(form))
		sum := md5.Sum([]byte(form))
		q.add(sum[:])
	}
	q.texts(text)
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
