package demo

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// shop invents customers and their orders: a fixed seed, so that every demo tells the same story.
type shop struct {
	rnd *rand.Rand
	now time.Time
	id  int64
}

var (
	firstNames = []string{"Ada", "Björn", "Chidi", "Dolores", "Elif", "Farid", "Grace", "Hiro", "Inés", "Jonas", "Kemi", "Lena"}
	lastNames  = []string{"Abara", "Bergström", "Castro", "Demir", "Eze", "Fischer", "Garcia", "Haddad", "Ito", "Jensen"}
	products   = []string{"tea-01", "tea-02", "mug-07", "kettle-3", "scale-2", "tin-11"}
	currencies = []string{"USD", "USD", "USD", "EUR", "GBP", "JPY"}
	agents     = []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
	}
)

func newShop(seed uint64, now time.Time) *shop {
	return &shop{rnd: rand.New(rand.NewPCG(seed, seed)), now: now}
}

func pick[T any](s *shop, list []T) T { return list[s.rnd.IntN(len(list))] }

func (s *shop) nextID() int64 { s.id++; return s.id }

// email is as untidy as real columns are: cases and spaces differ, the person is the same.
func (s *shop) email(id int64) string {
	address := fmt.Sprintf("%s.%s%d@example.com", pick(s, firstNames), pick(s, lastNames), id)
	switch s.rnd.IntN(4) {
	case 0:
		return strings.ToUpper(address)
	case 1:
		return " " + address + " "
	}
	return address
}

func (s *shop) phone(id int64) string {
	number := fmt.Sprintf("213555%04d", id%10000)
	switch s.rnd.IntN(3) {
	case 0:
		return "+1" + number
	case 1:
		return fmt.Sprintf("(%s) %s-%s", number[:3], number[3:6], number[6:])
	}
	return "+1 " + number[:3] + " " + number[3:6] + " " + number[6:]
}

func (s *shop) ip() string {
	return fmt.Sprintf("203.0.113.%d", 1+s.rnd.IntN(254))
}

// order is a valid row of the orders table.
func (s *shop) order(status string) row {
	id := s.nextID()
	items, cents := s.basket()
	at := s.now.Add(-time.Duration(s.rnd.IntN(3600)) * time.Second)
	return row{
		"id": id, "order_uid": s.uuid(), "status": status, "customer_id": long(1 + id%4000),
		"email": text(s.email(id)), "phone": text(s.phone(id)), "currency": pick(s, currencies),
		"amount": money(cents), "discount": money(0)["bytes.decimal"], "quantity": int32(1),
		"items": text(items), "page_url": text(fmt.Sprintf("https://shop.example/thanks?order=%d", id)),
		"ip": text(s.ip()), "user_agent": text(pick(s, agents)), "ttclid": nil,
		"occurred_at": at.Format(time.RFC3339Nano), "created_at": at.UnixMicro(), "note": nil,
	}
}

func (s *shop) basket() (items string, cents int64) {
	type item struct {
		ID       string  `json:"content_id"`
		Price    float64 `json:"price"`
		Quantity int     `json:"quantity"`
	}
	var list []item
	for range 1 + s.rnd.IntN(3) {
		price, quantity := int64(250+s.rnd.IntN(9000)), 1+s.rnd.IntN(3)
		list = append(list, item{pick(s, products), float64(price) / 100, quantity})
		cents += price * int64(quantity)
	}
	text, _ := json.Marshal(list)
	return string(text), cents
}

// signup is a valid row of the signups table.
func (s *shop) signup() row {
	id := s.nextID()
	return row{
		"id": id, "email": text(s.email(id)), "phone": nil, "country": row{"string": "US"}, "plan": text("free"),
		"page_url": text("https://shop.example/welcome"), "opted_in": id%2 == 0,
		"signed_up_at": s.now.Add(-time.Duration(s.rnd.IntN(7200)) * time.Second).UnixMicro(),
	}
}

func (s *shop) uuid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(s.rnd.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
