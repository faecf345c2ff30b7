package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const customers = 2400

// customer is a row of the customers table as the demo's own ledger keeps it: the judge of what the audience has to hold.
type customer struct {
	id            int64
	email, phone  string
	optIn, lapsed bool
}

// members writes the life of the customers table. Its replica identity is PostgreSQL's default: updates come without
// the old row, deletes with the key alone. People join, change their address, leave, return, share an address with
// someone else, and are deleted.
func (s *story) members() error {
	for i := range int64(customers) {
		c := &customer{id: i + 1, email: s.shop.email(i), phone: s.shop.phone(i), optIn: i%8 != 0, lapsed: i%3 != 1}
		if i%25 == 24 {
			c.email = s.table[len(s.table)-1].email // a household
		}
		s.table = append(s.table, c)
		if err := s.customer("c", c); err != nil {
			return err
		}
	}
	for i, c := range s.table {
		if err := s.live(i, c); err != nil {
			return err
		}
	}
	return nil
}

// live is what happens to one customer after joining.
func (s *story) live(i int, c *customer) error {
	switch {
	case i%10 == 1: // a new address
		c.email = fmt.Sprintf("new.%d@example.com", c.id)
	case i%10 == 2: // unsubscribes, and some subscribe again
		c.optIn = false
		if err := s.customer("u", c); err != nil {
			return err
		}
		c.optIn = i%20 == 2
	case i%10 == 4: // deleted
		s.table[i] = nil
		return s.deleted(c)
	case i%25 == 23 && i%50 == 23: // one of the household leaves; the address stays for the other
		c.optIn = false
	default:
		return nil
	}
	return s.customer("u", c)
}

func (s *story) customer(op string, c *customer) error {
	f := fate{sync: "newsletter"}
	return s.add(s.customers, op, nil, c.row(s.shop.now), f)
}

func (c *customer) row(now time.Time) row {
	return row{"id": c.id, "email": text(c.email), "phone": text(c.phone), "gaid": nil,
		"newsletter_opt_in": c.optIn, "lapsed": c.lapsed, "updated_at": now.Format(time.RFC3339)}
}

// deleted writes what Debezium makes of a delete under the default replica identity: a before image of which only the
// key is real, and a tombstone.
func (s *story) deleted(c *customer) error {
	filler := row{"id": c.id, "email": nil, "phone": nil, "gaid": nil, "newsletter_opt_in": false, "lapsed": false, "updated_at": ""}
	if err := s.add(s.customers, "d", filler, nil, fate{sync: "newsletter"}); err != nil {
		return err
	}
	key := s.records[len(s.records)-1].record.Key
	s.records = append(s.records, produced{record: pipeline.Record{Topic: s.customers.topic(), Key: key}, fate: fate{sync: "newsletter"}})
	return nil
}

// lapsed is what the file audience has to hold, computed from the table alone.
func (s *story) lapsed() map[string]bool {
	want := map[string]bool{}
	for _, c := range s.table {
		if c != nil && c.lapsed {
			want[digest(strings.ToLower(strings.TrimSpace(c.email)))] = true
		}
	}
	return want
}

// comeBack has some lapsed customers buy again: rows that come after the first upload.
func (s *story) comeBack() ([]produced, error) {
	begin := len(s.records)
	for i, c := range s.table {
		if c == nil || !c.lapsed || i%5 != 0 {
			continue
		}
		c.lapsed = false
		if err := s.customer("u", c); err != nil {
			return nil, err
		}
	}
	return s.records[begin:], nil
}

// audience is what TikTok has to hold of the newsletter's members, computed from the table alone.
func (s *story) audience() map[string]map[string]bool {
	want := map[string]map[string]bool{"EMAIL_SHA256": {}, "PHONE_SHA256": {}}
	for _, c := range s.table {
		if c != nil && c.optIn {
			want["EMAIL_SHA256"][digest(strings.ToLower(strings.TrimSpace(c.email)))] = true
			want["PHONE_SHA256"][digest("+1"+lastDigits(c.phone, 10))] = true
		}
	}
	return want
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func lastDigits(s string, n int) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	return digits[len(digits)-n:]
}
