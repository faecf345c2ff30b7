package sandbox

import "slices"

var shareShape = shape(UnknownField, rules{"advertiser_id!": filled, "custom_audience_ids!": tenIDs, "shared_advertiser_ids!": tenIDs})

var shareCancelShape = shape(UnknownField, rules{"advertiser_id!": filled, "custom_audience_id!": filled, "shared_advertiser_id!": filled})

func tenIDs(c *check, v value) {
	c.list(v, filled)
	if n := v.count(); v.isList() && (n < 1 || n > 10) {
		c.wrongValue("Length must be between 1 and 10.")
	}
}

// share is POST /dmp/custom_audience/share/: other advertisers of the business may use the audiences, and see them in their lists.
func (s *Sandbox) share(call *call) (any, *refusal) {
	advertiser, r := s.audienceCall(call, shareShape, nil)
	if r != nil {
		return nil, r
	}
	body := call.body.root()
	ids, _ := body.get("custom_audience_ids")
	others, _ := body.get("shared_advertiser_ids")
	with, r := s.partners(advertiser, others)
	if r != nil {
		return nil, r
	}
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*audience
	for id := range ids.elements {
		found, r := a.own(call.now, string(id.text()), advertiser)
		if r != nil {
			return nil, r
		}
		all = append(all, found)
	}
	for _, one := range all {
		one.shared = slices.Compact(slices.Sorted(slices.Values(append(one.shared, with...))))
	}
	return nil, nil
}

// partners lists the advertisers to share with; each must be another one of the same business.
func (s *Sandbox) partners(advertiser string, others value) (ids []string, r *refusal) {
	business := s.accounts.advertisers[advertiser].Business
	for e := range others.elements {
		id := string(e.text())
		other, known := s.accounts.advertisers[id]
		if !known || other.Business != business || id == advertiser {
			return nil, refuse(codeParameter, "shared_advertiser_ids: Advertiser %s is not another one of the same Business Center.", id)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// shareCancel is POST /dmp/custom_audience/share/cancel/: of one audience with one advertiser.
func (s *Sandbox) shareCancel(call *call) (any, *refusal) {
	advertiser, r := s.audienceCall(call, shareCancelShape, nil)
	if r != nil {
		return nil, r
	}
	body := call.body.root()
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	found, r := a.own(call.now, body.str("custom_audience_id"), advertiser)
	if r != nil {
		return nil, r
	}
	at := slices.Index(found.shared, body.str("shared_advertiser_id"))
	if at < 0 {
		return nil, refuse(codeParameter, "Audience %s is not shared with this advertiser.", found.id)
	}
	found.shared = slices.Delete(found.shared, at, at+1)
	return nil, nil
}

// shareLog is GET /dmp/custom_audience/share/log/.
func (s *Sandbox) shareLog(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id", "custom_audience_id")
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	found, r := a.own(c.now, q.values.Get("custom_audience_id"), advertiser)
	if r != nil {
		return nil, r
	}
	list := []map[string]any{}
	for _, id := range found.shared {
		list = append(list, map[string]any{
			"custom_audience_id": found.id, "shared_advertiser_id": id, "shared_advertiser_name": s.accounts.advertisers[id].Name,
		})
	}
	return map[string]any{"list": list}, nil
}
