package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// pixelList is GET /pixel/list/.
func (s *Sandbox) pixelList(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id")
	page, size := q.number("page", 1, 1, 1<<30), q.number("page_size", 10, 1, 20)
	q.choice("order_by", "EARLIEST_CREATE", "LATEST_CREATE")
	if q.values.Has("filtering") && !json.Valid([]byte(q.values.Get("filtering"))) {
		q.refuse("filtering", "Not a valid object")
	}
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	all := []map[string]any{}
	for _, p := range s.accounts.pixels() {
		named := strings.Contains(cmp.Or(p.Name, p.ID), q.values.Get("name"))
		if p.Advertiser == advertiser && q.picks("code", p.ID) && q.picks("pixel_id", p.id) && named {
			all = append(all, pixelOf(p))
		}
	}
	if q.values.Get("order_by") == "LATEST_CREATE" {
		slices.Reverse(all)
	}
	list, info := pageOf(all, page, size)
	return map[string]any{"pixels": list, "page_info": info}, nil
}

// pixel is a web source with its number, by which some endpoints know it.
type pixel struct {
	Source
	id string
}

// pixels lists the web sources, the first made first.
func (a *accounts) pixels() (list []pixel) {
	for i, one := range a.order {
		if one.Kind == "web" {
			list = append(list, pixel{one, numbered("74", i+1)})
		}
	}
	return list
}

// eventSets is GET /crm/list/ or /offline/get/: the event sets of a kind, as a member of the answer.
func eventSets(kind, member string) func(*Sandbox, *call) (any, *refusal) {
	return func(s *Sandbox, c *call) (any, *refusal) {
		q := c.query()
		q.need("advertiser_id")
		ids := q.ids("event_set_ids", 50)
		if n := utf8.RuneCountInString(q.values.Get("name")); q.values.Has("name") && (n < 1 || n > 40) {
			q.refuse("name", "Length must be between 1 and 40.")
		}
		advertiser, r := s.queried(c, q)
		if r != nil {
			return nil, r
		}
		list := []map[string]any{}
		for _, set := range s.accounts.order {
			if set.Kind == kind && set.Advertiser == advertiser && q.picks("name", set.Name) && (ids == nil || slices.Contains(ids, set.ID)) {
				list = append(list, s.eventSet(set))
			}
		}
		return map[string]any{member: list}, nil
	}
}

// eventSet is an event set as the lists of its kind show it.
func (s *Sandbox) eventSet(set Source) map[string]any {
	if set.Kind == "crm" {
		return map[string]any{"event_set_id": set.ID, "name": cmp.Or(set.Name, set.ID), "create_time": s.started.UTC().Format(time.RFC3339)}
	}
	return map[string]any{"event_set_id": set.ID, "name": cmp.Or(set.Name, set.ID), "description": "", "auto_tracking": false}
}

// choice asks for one of the listed values where the parameter is given.
func (q *query) choice(name string, allowed ...string) {
	if q.values.Has(name) && !slices.Contains(allowed, q.values.Get(name)) {
		q.refuse(name, "Not a valid choice.")
	}
}

// picks reports whether a filter that may be absent lets a value pass.
func (q *query) picks(name, value string) bool {
	return !q.values.Has(name) || q.values.Get(name) == value
}

func pixelOf(p pixel) map[string]any {
	return map[string]any{
		"pixel_id": p.id, "pixel_code": p.ID, "pixel_name": cmp.Or(p.Name, p.ID), "partner_name": "", "events": []any{},
	}
}

// userInfo is GET /user/info/: any success proves the token.
func (s *Sandbox) userInfo(*call) (any, *refusal) {
	return map[string]any{
		"core_user_id": numbered("75", 1), "display_name": "Sandbox user", "email": "s***@example.com", "create_time": s.started.Unix(),
	}, nil
}

// advertiserInfo is GET /advertiser/info/.
func (s *Sandbox) advertiserInfo(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_ids")
	ids := q.ids("advertiser_ids", 100)
	if q.problem != nil {
		return nil, q.problem
	}
	list := []map[string]any{}
	for _, id := range ids {
		if r := s.reaches(c, id); r != nil {
			return nil, r
		}
		list = append(list, advertiserOf(s.accounts.advertisers[id]))
	}
	return map[string]any{"list": list}, nil
}

func advertiserOf(a Advertiser) map[string]any {
	return map[string]any{
		"advertiser_id": a.ID, "name": cmp.Or(a.Name, a.ID), "currency": cmp.Or(a.Currency, "USD"), "timezone": cmp.Or(a.Timezone, "Etc/UTC"),
		"status": "STATUS_ENABLE", "role": "ROLE_ADVERTISER", "country": "US", "balance": 0,
	}
}
