package demo

import (
	"maps"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// fate is what has to become of a generated record, known before the daemon sees it: the demo's independent judge.
type fate struct {
	sync     string
	outcome  pipeline.Outcome
	reason   pipeline.Reason // for DeadLettered
	repeated bool            // the same row again: delivered, and dropped by TikTok's dedupe
}

// produced is one Kafka record of the story and its fate.
type produced struct {
	record  pipeline.Record
	eventID string // of an order
	fate    fate
}

// story writes the changes of the demo's tables in order.
type story struct {
	shop      *shop
	orders    *table
	signups   *table
	customers *table
	records   []produced
	bad       int
	pending   []row
	table     []*customer // the customers table as it is now; nil for deleted rows
}

const (
	orderRows  = 15_000
	signupRows = 6_000
	badEvery   = 50 // 2 % of the orders are bad
)

// write tells the whole story: orders that are paid at once, carts, orders paid later, sign-ups; one order in fifty is
// bad, in turn in each of the ways of badRows; at the end a part of the orders comes a second time, as after a
// connector's restart.
func (s *story) write() error {
	for i := range orderRows {
		if err := s.order(i); err != nil {
			return err
		}
		if i*signupRows/orderRows != (i+1)*signupRows/orderRows {
			if err := s.signup(); err != nil {
				return err
			}
		}
	}
	return s.members()
}

func (s *story) order(i int) error {
	switch {
	case i%badEvery == badEvery-1:
		return s.badOrder()
	case i%10 == 3:
		return s.pendingOrder()
	case i%10 == 7 && len(s.pending) > 5:
		return s.payPending()
	case i%10 == 5:
		return s.add(s.orders, "c", nil, s.shop.order("cart"), s.delivered("orders"))
	}
	return s.add(s.orders, "c", nil, s.shop.order("paid"), s.delivered("orders"))
}

func (s *story) delivered(sync string) fate { return fate{sync: sync, outcome: pipeline.Delivered} }

func (s *story) pendingOrder() error {
	r := s.shop.order("pending")
	s.pending = append(s.pending, r)
	return s.add(s.orders, "c", nil, r, fate{sync: "orders", outcome: pipeline.Skipped})
}

func (s *story) payPending() error {
	before := s.pending[0]
	s.pending = s.pending[1:]
	after := maps.Clone(before)
	after["status"] = "paid"
	return s.add(s.orders, "u", before, after, s.delivered("orders"))
}

func (s *story) badOrder() error {
	bad := badRows[s.bad%len(badRows)]
	s.bad++
	r := s.shop.order("paid")
	if bad.column != nil {
		bad.column(r, s.shop.now)
	}
	err := s.add(s.orders, "c", nil, r, fate{sync: "orders", outcome: pipeline.DeadLettered, reason: bad.reason})
	if err == nil && bad.bytes != nil {
		last := &s.records[len(s.records)-1].record
		last.Value = bad.bytes(last.Value)
	}
	return err
}

func (s *story) signup() error {
	return s.add(s.signups, "c", nil, s.shop.signup(), s.delivered("signups"))
}

func (s *story) add(t *table, op string, before, after row, f fate) error {
	key, value, err := t.change(op, before, after, s.shop.now.Add(-time.Second))
	if err != nil {
		return err
	}
	id, _ := after["order_uid"].(string)
	s.records = append(s.records, produced{pipeline.Record{Topic: t.topic(), Key: key, Value: value}, id, f})
	return nil
}

// redeliver repeats good records of the story byte for byte: a new offset, the same row, so the same event id.
func (s *story) redeliver(n int) {
	for _, p := range s.records[:] {
		if n == 0 {
			return
		}
		if p.fate.outcome == pipeline.Delivered {
			p.fate.repeated = true
			s.records = append(s.records, p)
			n--
		}
	}
}
