package sandbox

import (
	"cmp"
	"slices"
)

// pixelList is GET /pixel/list/.
func (s *Sandbox) pixelList(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id")
	page, size := q.number("page", 1, 1, 1<<30), q.number("page_size", 10, 1, 20)
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	all := []map[string]any{}
	for i, p := range s.accounts.order {
		if p.Kind == "web" && p.Advertiser == advertiser && q.picks("code", p.ID) && q.picks("name", p.Name) {
			all = append(all, pixelOf(i, p))
		}
	}
	list, info := pageOf(all, page, size)
	return map[string]any{"pixels": list, "page_info": info}, nil
}

// eventSets is GET /crm/list/ or /offline/get/: the event sets of a kind, as a member of the answer.
func eventSets(kind, member string) func(*Sandbox, *call) (any, *refusal) {
	return func(s *Sandbox, c *call) (any, *refusal) {
		q := c.query()
		q.need("advertiser_id")
		ids := q.ids("event_set_ids", 50)
		advertiser, r := s.queried(c, q)
		if r != nil {
			return nil, r
		}
		list := []map[string]any{}
		for _, set := range s.accounts.order {
			if set.Kind == kind && set.Advertiser == advertiser && q.picks("name", set.Name) && (ids == nil || slices.Contains(ids, set.ID)) {
				list = append(list, map[string]any{"event_set_id": set.ID, "name": cmp.Or(set.Name, set.ID)})
			}
		}
		return map[string]any{member: list}, nil
	}
}

// picks reports whether a filter that may be absent lets a value pass.
func (q *query) picks(name, value string) bool {
	return !q.values.Has(name) || q.values.Get(name) == value
}

func pixelOf(i int, p Source) map[string]any {
	return map[string]any{
		"pixel_id": numbered("74", i+1), "pixel_code": p.ID, "pixel_name": cmp.Or(p.Name, p.ID), "partner_name": "", "events": []any{},
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
		if r := s.reaches(c.token, id); r != nil {
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
