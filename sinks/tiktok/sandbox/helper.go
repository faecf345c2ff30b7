package sandbox

import "cmp"

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
