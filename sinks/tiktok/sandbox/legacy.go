package sandbox

import "time"

// maxLegacyEvents is the largest batch of Events API 1.0.
const maxLegacyEvents = 50

// The documented shape of Events API 1.0 requests.

var legacyTrackShape = shape(UnknownField, rules{
	"pixel_code!": filled, "event!": eventName, "event_id": text, "timestamp": timestamp,
	"context": legacyContext, "properties": properties, "test_event_code": text, "partner_name": partner,
})

var legacyBatchShape = shape(UnknownField, rules{
	"pixel_code!": filled, "batch!": legacyEvents, "test_event_code": text, "partner_name": partner,
})

var legacyEventShape = shape(UnknownField, rules{
	"type": oneOf("track"), "event!": eventName, "event_id": text, "timestamp": timestamp,
	"context": legacyContext, "properties": properties,
})

var legacyContextShape = shape(UnknownField, rules{
	"ad": legacyAd, "page": page, "user": legacyUser, "ip": address, "user_agent": text,
})

var legacyAdShape = shape(UnknownField, rules{"callback": text})

var legacyUserShape = shape(UnknownField, rules{
	"external_id": hashed, "phone_number": hashed, "email": hashed, "ttp": text,
})

func legacyContext(c *check, v value) { c.object(v, legacyContextShape) }
func legacyAd(c *check, v value)      { c.object(v, legacyAdShape) }
func legacyUser(c *check, v value)    { c.object(v, legacyUserShape) }

// legacyTrack is POST /pixel/track/: one event of Events API 1.0.
func (s *Sandbox) legacyTrack(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.legacyCheck(call)
	c.object(body, legacyTrackShape)
	if !c.done() {
		c.identified(body)
	}
	event := arrivalOf(body.str("pixel_code"), body)
	return s.acceptLegacy(call, c, []arrival{event})
}

// legacyBatch is POST /pixel/batch/: up to 50 events of Events API 1.0.
func (s *Sandbox) legacyBatch(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.legacyCheck(call)
	c.object(body, legacyBatchShape)
	c.testing(body, "batch")
	batch, _ := body.get("batch")
	return s.acceptLegacy(call, c, arrivals(source{"web", body.str("pixel_code")}, batch))
}

func (s *Sandbox) legacyCheck(call *call) *check {
	c := s.check(call.now)
	c.source = "web"
	c.at("pixel_code")
	c.warn(LegacyEndpoint)
	c.leave()
	return c
}

func (s *Sandbox) acceptLegacy(call *call, c *check, arrived []arrival) (any, *refusal) {
	s.warned(c)
	if !c.ok() {
		return nil, c.result()
	}
	body := call.body.root()
	if r := s.ownsSource(call.token, source{"web", body.str("pixel_code")}); r != nil {
		return nil, r
	}
	if r := call.poison(); r != nil {
		return nil, r
	}
	s.ledger.arrive(call.now, arrived, body.str("test_event_code") != "")
	return nil, nil
}

// legacyEvents judges the array of a 1.0 batch. TikTok names its elements Batch.0, Batch.1 ...
func legacyEvents(c *check, v value) {
	if c.batchSize(v, "batch", maxLegacyEvents) {
		c.leave()
		c.at("Batch")
		c.list(v, legacyEvent)
	}
}

func legacyEvent(c *check, v value) {
	c.object(v, legacyEventShape)
	if !c.done() {
		c.identified(v)
	}
}

// timestamp accepts ISO 8601 with a zone, under the rules of age.
func timestamp(c *check, v value) {
	if !isText(c, v) {
		return
	}
	at, err := time.Parse(time.RFC3339, string(v.text()))
	if err != nil {
		c.wrongValue("Not a valid datetime.")
		return
	}
	c.age(c.now.Sub(at))
}
