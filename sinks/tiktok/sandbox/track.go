package sandbox

import (
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

const (
	maxEvents      = 1000
	milliseconds   = 100_000_000_000 // an event_time above this is not a time in seconds
	viewWindow     = 7 * 24 * time.Hour
	textPixelOwner = "No permission to operate pixel code: %s. You must be an admin or operator of this advertiser account."
)

// track is POST /event/track/, Events API 2.0.
func (s *Sandbox) track(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.source, c.terse = body.str("event_source"), true
	c.object(body, trackShape)
	c.testing(body, "data")
	s.warned(c)
	if !c.ok() {
		return nil, c.result()
	}
	return s.accept(call, body)
}

// accept judges what concerns the request as a whole, then counts its events.
func (s *Sandbox) accept(call *call, body value) (any, *refusal) {
	source := source{kind: body.str("event_source"), id: body.str("event_source_id")}
	if source.kind == "app" && !s.cfg.AllowApp {
		return nil, refuse(codeNotAllowListed, "The event source app is not in the allowlist.")
	}
	if s.misfits(source) {
		return nil, refuse(codeParameter, "Invalid value for event_source_id: not a valid string.")
	}
	if r := s.ownsSource(call.token, source); r != nil {
		return nil, r
	}
	data, _ := body.get("data")
	if r := call.poison(); r != nil {
		return nil, r
	}
	s.ledger.arrive(call.now, arrivals(source, data), body.str("test_event_code") != "")
	return nil, nil
}

// arrivals lists the events of a checked array. Their bytes point into the body.
func arrivals(of source, data value) []arrival {
	list := make([]arrival, 0, data.count())
	for e := range data.elements {
		a := arrivalOf(of.id, e)
		a.ofApps = of.kind == "app" && isStandard(a.event, "app")
		list = append(list, a)
	}
	return list
}

func arrivalOf(sourceID string, event value) arrival {
	a := arrival{source: sourceID, body: event.raw()}
	if m, ok := event.get("event"); ok {
		a.event = m.text()
	}
	if m, ok := event.get("event_id"); ok {
		a.id = m.text()
	}
	return a
}

// testing warns about test events that come together: TikTok's test view shows one code a request.
func (c *check) testing(body value, list string) {
	data, _ := body.get(list)
	if body.str("test_event_code") != "" && data.count() > 1 {
		c.at("test_event_code")
		c.warn(TestBatch)
		c.leave()
	}
}

// events judges the array of a 2.0 request.
func events(c *check, v value) {
	if c.batchSize(v, "data", maxEvents) {
		c.list(v, event)
	}
}

// batchSize judges the length of the request's list of rows, before anything inside it is looked at.
func (c *check) batchSize(v value, name string, limit int) bool {
	if !v.isList() {
		c.wrongType("list")
		return false
	}
	n := v.count()
	switch {
	case n == 0 && c.terse:
		c.wrongType("list")
	case n == 0 && stageRequired < c.stage:
		c.stage, c.problem = stageRequired, missing(name)
	case n > limit:
		c.stage, c.problem = stageTypes, refuse(codeBatchSize, "Batch size exceeds the limit of %d.", limit)
	}
	return n > 0 && n <= limit
}

func event(c *check, v value) {
	c.object(v, eventShape)
	if c.done() {
		return
	}
	c.identified(v)
	if c.lacks(v, "web", "page", "url") {
		c.at("page")
		c.at("url")
		c.warn(NoPageURL)
		c.path = c.path[:len(c.path)-2]
	}
	if c.lacks(v, "app", "app", "app_id") {
		c.missing("app.app_id")
	}
	if c.lacks(v, "crm", "lead", "lead_id") {
		c.missing("lead.lead_id")
	}
}

// identified asks for the event_id that makes a retry safe.
func (c *check) identified(v value) {
	if m, ok := v.get("event_id"); ok && len(m.raw()) > 0 {
		return
	}
	c.at("event_id")
	c.warn(NoEventID)
	c.leave()
}

// lacks reports whether an event of a source has no such field inside an object.
func (c *check) lacks(v value, source, object, name string) bool {
	o, _ := v.get(object)
	_, ok := o.get(name)
	return c.source == source && !ok
}

func eventName(c *check, v value) {
	filled(c, v)
	inClear(c, v)
	if v.kind() != jsontext.String || isStandard(v.text(), c.source) {
		return
	}
	if c.source == "offline" || c.s.cfg.StandardEventsOnly {
		c.wrongValue("Not a standard event.")
	}
	switch name := v.text(); {
	case reservedEvents[string(name)] != "":
		c.warn(ReservedName)
	case len(name) > 0 && !customName(name) && !c.s.cfg.AllowAnyName:
		c.wrongValue("Not a valid name of a custom event.")
	}
}

func eventTime(c *check, v value) {
	integer(c, v)
	if c.done() {
		return
	}
	seconds, _ := strconv.ParseInt(string(v.raw()), 10, 64)
	if seconds > milliseconds {
		c.wrongValue("Must be in seconds.")
		return
	}
	c.age(c.now.Sub(time.Unix(seconds, 0)))
}

// age judges how long ago an event happened; a negative age lies in the future.
func (c *check) age(age time.Duration) {
	switch oldest, ahead := c.s.cfg.MaxEventAge, c.s.cfg.MaxEventAhead; {
	case oldest > 0 && age > oldest:
		c.wrongValue("Must be within the last " + days(oldest) + ".")
	case ahead > 0 && -age > ahead:
		c.wrongValue("Must not be in the future.")
	case age > viewWindow:
		c.warn(OldEvent)
	}
}

func days(d time.Duration) string { return strconv.Itoa(int(d/(24*time.Hour))) + " days" }

func page(c *check, v value) {
	if c.source != "" && c.source != "web" {
		c.warn(WrongSource)
	}
	c.object(v, pageShape)
}

func app(c *check, v value) {
	if c.source != "" && c.source != "app" {
		c.warn(WrongSource)
	}
	c.object(v, appShape)
}

func lead(c *check, v value) {
	if c.source != "" && c.source != "crm" {
		c.warn(WrongSource)
	}
	c.object(v, leadShape)
}
