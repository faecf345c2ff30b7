package sandbox

import "time"

var segmentShape = shape(UnknownField, rules{
	"advertiser_id!": filled, "action": oneOf("create", "delete"),
	"custom_audience_name": filled, "delete_audience_id": filled,
})

// segment is POST /segment/audience/: it creates or deletes a Partner audience.
func (s *Sandbox) segment(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.object(body, segmentShape)
	action, needed := "create", "custom_audience_name"
	if body.str("action") == "delete" {
		action, needed = "delete", "delete_audience_id"
	}
	if _, ok := body.get(needed); !ok {
		c.missing(needed)
	}
	s.warned(c)
	if !c.ok() {
		return nil, c.result()
	}
	advertiser, r := s.advertiserOf(call, body)
	if r != nil {
		return nil, r
	}
	if action == "delete" {
		return nil, s.audiences.dropSegment(call.now, advertiser, body.str(needed))
	}
	return s.audiences.makeSegment(call.now, advertiser, body.str(needed))
}

func (a *audiences) makeSegment(now time.Time, advertiser, name string) (any, *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	made, r := a.register(now, audience{advertiser: advertiser, name: shortened(name), segment: true, subType: "NORMAL"})
	if r != nil {
		return nil, r
	}
	return map[string]string{"audience_id": made.id}, nil
}

func (a *audiences) dropSegment(now time.Time, advertiser, id string) *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, r := a.own(now, id, advertiser)
	switch {
	case r != nil:
		return r
	case !found.segment:
		return refuse(codeParameter, "Audience %s is not a Partner audience.", id)
	}
	a.drop(found)
	return nil
}
