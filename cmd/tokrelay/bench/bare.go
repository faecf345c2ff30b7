package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// bare is the yardstick: the same work as the daemon's on the bench's topic, written by hand for exactly this schema and
// mapping. It decodes, checks, hashes and writes JSON.
type bare struct {
	body []byte
	text []byte
}

func runBare(ctx context.Context, a addresses) (int, error) {
	var b bare
	return fetchAndPost(ctx, a, func(body []byte, r *kgo.Record) ([]byte, error) {
		b.body = body
		err := b.event(r.Value[5:])
		return b.body, err
	})
}

var errShape = errors.New("not the bench's record")

// reader walks Avro's binary form.
type reader struct{ b []byte }

func (r *reader) long() int64 {
	u, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) bytes() []byte {
	n := r.long()
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// nullable reads ["null", bytes or string].
func (r *reader) nullable() []byte {
	if r.long() == 0 {
		return nil
	}
	return r.bytes()
}

// event decodes an envelope with a null before and an after image, and appends its event.
func (b *bare) event(value []byte) error {
	r := reader{value}
	if r.long() != 0 || r.long() != 1 {
		return errShape
	}
	image := r.b
	r.long() // id
	r.bytes()
	status := r.bytes()
	var customer int64
	if r.long() == 1 {
		customer = r.long()
	}
	email, phone, currency, amount := r.nullable(), r.nullable(), r.bytes(), r.nullable()
	r.bytes() // discount
	r.long()  // quantity
	r.nullable()
	url, ip, agent, ttclid := r.nullable(), r.nullable(), r.nullable(), r.nullable()
	occurred := r.bytes()
	r.long()
	r.nullable()
	image = image[:len(image)-len(r.b)]
	if string(status) != "paid" || !listed(currency) || !bytes.HasPrefix(url, []byte("https://")) {
		return errShape
	}
	at, err := time.Parse(time.RFC3339Nano, string(occurred))
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(string(ip)); err != nil {
		return err
	}
	id := sha256.Sum256(image)
	out := append(b.body, `{"event":"Purchase","event_time":`...)
	out = strconv.AppendInt(out, at.Unix(), 10)
	out = append(out, `,"event_id":"`...)
	out = hex.AppendEncode(out, id[:])
	out = b.hashed(append(out, `","user":{"email":"`...), b.email(email))
	out = b.hashed(append(out, `","phone":"`...), b.phone(phone))
	out = b.hashed(append(out, `","external_id":"`...), strconv.AppendInt(b.text[:0], customer, 10))
	out = append(append(append(out, `","ip":"`...), ip...), `","user_agent":"`...)
	out = append(appendEscaped(out, agent), '"')
	if ttclid != nil {
		out = append(appendEscaped(append(out, `,"ttclid":"`...), ttclid), '"')
	}
	out = append(appendEscaped(append(out, `},"page":{"url":"`...), url), `"},"properties":{"value":`...)
	out = appendCents(out, amount)
	out = append(append(append(out, `,"currency":"`...), currency...), `"}}`...)
	b.body = out
	return nil
}

func listed(currency []byte) bool {
	switch string(currency) {
	case "USD", "EUR", "GBP", "JPY":
		return true
	}
	return false
}

func (b *bare) email(v []byte) []byte {
	b.text = append(b.text[:0], bytes.TrimSpace(v)...)
	for i, c := range b.text {
		if 'A' <= c && c <= 'Z' {
			b.text[i] = c + 32
		}
	}
	return b.text
}

// phone makes +1 and digits of the three ways the bench's rows write numbers.
func (b *bare) phone(v []byte) []byte {
	b.text = append(b.text[:0], '+')
	if v[0] != '+' {
		b.text = append(b.text, '1')
	}
	for _, c := range v {
		if '0' <= c && c <= '9' {
			b.text = append(b.text, c)
		}
	}
	return b.text
}

func (b *bare) hashed(dst, clear []byte) []byte {
	sum := sha256.Sum256(clear)
	return hex.AppendEncode(dst, sum[:])
}

func appendEscaped(dst, s []byte) []byte {
	for _, c := range s {
		if c == '"' || c == '\\' || c < 0x20 {
			q := strconv.AppendQuote(nil, string(s))
			return append(dst, q[1:len(q)-1]...)
		}
	}
	return append(dst, s...)
}

func appendCents(dst, unscaled []byte) []byte {
	var n int64
	for _, c := range unscaled {
		n = n<<8 | int64(c)
	}
	dst = strconv.AppendInt(dst, n/100, 10)
	if n%100 == 0 {
		return dst
	}
	return append(dst, '.', byte('0'+n%100/10), byte('0'+n%10))
}
