package events

import (
	"errors"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// Maker makes events of rows, in one goroutine.
type Maker struct {
	plan   *Plan
	row    *mapping.Row
	digest mapping.Digest

	// What is known of the row at hand. The slices are reused.
	eventID     []byte
	digests     bool   // of persons: keep the first bytes
	persons     []byte // as pipeline.Items.Persons has them
	env         []byte
	from        source
	limited     bool // the row's consent is a limited one
	keys        matchKeys
	placeholder *pipeline.Rejection // of the first identifier that is a placeholder
	sum         productSum
	ids         []byte // of the products, as JSON
	redactor    identity.Redactor
	notes       *pipeline.Notes
	sent        map[string]bool // fields, where notes are taken
	values      []pipeline.Value
	open        *object // the next field would be in

	custom     customNames
	sameName   []byte // the last row's name and events: the next row's are usually the same
	sameEvents []*event
}

// Maker makes one for another goroutine.
func (p *Plan) Maker() *Maker {
	return &Maker{plan: p, row: mapping.NewRow(p.now), digest: p.id.digest}
}

// Make appends the events of a row. Its error is a *pipeline.Rejection or a pipeline.SkipReason; then it has appended
// nothing.
func (m *Maker) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	list, bytes := len(items.List), len(items.Buf)
	m.row.Begin(c)
	m.notes, m.digests, m.persons = items.Notes, items.Digests, m.persons[:0]
	m.eventID, m.keys, m.placeholder, m.sum, m.ids = m.eventID[:0], 0, nil, productSum{}, m.ids[:0]
	if err := m.make(items, row, c); err != nil {
		items.Cut(list, bytes)
		return m.explained(err, c)
	}
	return nil
}

// explained adds the event id the row would have had, and says it where a deleted row's last image is to blame.
func (m *Maker) explained(err error, c *pipeline.Change) error {
	rejection, ok := errors.AsType[*pipeline.Rejection](err)
	if !ok {
		return err
	}
	if c.Op == pipeline.Delete && !c.BeforeComplete && lacksValue(rejection.Reason) {
		rejection.Stage, rejection.Reason = pipeline.StageMap, pipeline.BeforeImageIncomplete
	}
	if len(m.eventID) == 0 && m.makeID(c) != nil {
		return err
	}
	rejection.EventID = string(m.eventID)
	return rejection
}

func lacksValue(reason pipeline.Reason) bool {
	return reason == pipeline.RequiredField || reason == pipeline.UnavailableValueInRow || reason == pipeline.NoIdentifier ||
		reason == pipeline.InvalidEventTime
}

func (m *Maker) make(items *pipeline.Items, row int, c *pipeline.Change) (err error) {
	if err = m.consents(); err != nil {
		return err
	}
	if m.from, err = m.makeEnvelope(); err != nil {
		return err
	}
	if m.limited && m.from&limitable == 0 {
		return pipeline.SkipNoConsent
	}
	names, err := m.eventNames()
	if err != nil {
		return err
	}
	start := len(items.Buf)
	if items.Buf, err = m.body(items.Buf, names[0], c); err != nil {
		return err
	}
	if len(items.Buf)-start > maxEvent {
		return invalid(pipeline.TooLong, "", "an event of at most 512 KiB")
	}
	m.add(items, row, start, names)
	return nil
}

// body writes the first event: `{"event":` name, time, id and fields `}`.
func (m *Maker) body(dst []byte, first *event, c *pipeline.Change) ([]byte, error) {
	dst = append(append(dst, head...), first.json...)
	dst, err := m.eventTime(dst)
	if err != nil {
		return dst, err
	}
	if err := m.makeID(c); err != nil {
		return dst, err
	}
	dst = jsontext.AppendString(append(dst, `,"event_id":`...), m.eventID)
	if dst, err = m.fields(dst); err != nil {
		return dst, err
	}
	return append(dst, '}'), nil
}

// head is what comes before the name.
const head = `{"event":`

// add lists the item whose body ends the buffer, and the same again under the other names.
func (m *Maker) add(items *pipeline.Items, row, start int, names []*event) {
	envelope := items.EnvelopeIndex(m.env)
	tail, end := start+len(head)+len(names[0].json), len(items.Buf)
	id := int32(len(items.Buf))
	items.Buf = append(append(items.Buf, m.eventID...), m.persons...)
	item := pipeline.Item{Row: int32(row), Start: int32(start), End: int32(end), IDStart: id, IDEnd: id + int32(len(m.eventID)), Persons: int32(len(items.Buf)), Envelope: envelope}
	items.List = append(items.List, item)
	for _, name := range names[1:] {
		item.Start = int32(len(items.Buf))
		items.Buf = append(append(items.Buf, head...), name.json...)
		items.Buf = append(items.Buf, items.Buf[tail:end]...)
		item.End = int32(len(items.Buf))
		items.List = append(items.List, item)
	}
	for _, name := range names {
		name.counters.count(m.keys)
		if name.meant != "" {
			m.plan.metrics.nearMiss()
			m.noteMeant(name)
		}
	}
}

// eventTime writes the time, in seconds.
func (m *Maker) eventTime(dst []byte) ([]byte, error) {
	now := m.plan.now()
	at := now
	if m.plan.time == nil {
		m.notes.Add(timeField, pipeline.Elsewhere, "it is the time of sending")
	} else {
		var err error
		if at, err = m.rowTime(now); err != nil {
			return dst, err
		}
	}
	return strconv.AppendInt(append(dst, `,"event_time":`...), at.Unix(), 10), nil
}

// lastSecond is the last of the year 9999.
const lastSecond = 253402300799

// maxAhead is how far a clock at the source may be ahead.
const maxAhead = 10 * time.Minute

func (m *Maker) rowTime(now time.Time) (at time.Time, err error) {
	v, err := m.plan.time.Value(m.row)
	if err != nil {
		return at, asTimeError(err)
	}
	if reason := missing(v); reason != "" {
		return at, invalid(timeReason(reason), timeField, "a time in every row")
	}
	m.noteTime(v)
	at, ok := m.plan.time.Time(v)
	age := now.Sub(at)
	switch {
	case !ok:
		return at, invalid(pipeline.InvalidEventTime, timeField, m.plan.time.TimeRule())
	case at.Unix() <= 0 || at.Unix() > lastSecond:
		return at, invalid(pipeline.InvalidEventTime, timeField, "a time after 1970 and before the year 10000")
	case m.plan.maxAge > 0 && age > m.plan.maxAge:
		return at, invalid(pipeline.EventTooOld, timeField, "at most "+m.plan.maxAgeText+" old")
	case age < -maxAhead:
		return at, invalid(pipeline.EventInFuture, timeField, "at most 10 minutes ahead of the clock")
	}
	return at, nil
}

func timeReason(reason pipeline.Reason) pipeline.Reason {
	if reason == pipeline.RequiredField {
		return pipeline.InvalidEventTime
	}
	return reason
}

// asTimeError: a time that its `type` or `format` cannot read is an invalid time.
func asTimeError(err error) error {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok && r.Reason == pipeline.WrongType {
		r.Stage, r.Reason = pipeline.StageValidate, pipeline.InvalidEventTime
	}
	return err
}
