package events

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// An envelope is what a call says around its events, as the members of its JSON: events share a call only if all of it
// is equal, which keeps test events out of real batches.

type envelopePlan struct {
	fixed  []byte // the whole envelope where no row changes it; never appended to
	from   source // of the fixed envelope
	source settingPlan
	pixel  settingPlan
	set    settingPlan // event_source_id
	test   settingPlan
}

// settingPlan is a Setting, compiled: fixed text, or a getter, or neither.
type settingPlan struct {
	name  string
	fixed []byte // never changed
	get   *mapping.Getter
}

func (s *Setting) compile(name string, cols *mapping.Columns) settingPlan {
	if s.Field == nil {
		return settingPlan{name: name, fixed: []byte(s.Static)}
	}
	return settingPlan{name: name, get: s.Field.Compile(name, cols)}
}

func newEnvelopePlan(cfg *Config, cols *mapping.Columns) envelopePlan {
	e := envelopePlan{
		source: cfg.EventSource.compile("event_source", cols),
		pixel:  cfg.PixelCode.compile("pixel_code", cols),
		set:    cfg.EventSourceID.compile("event_source_id", cols),
		test:   cfg.TestEventCode.compile("test_event_code", cols),
	}
	if e.source.get == nil && len(e.source.fixed) == 0 {
		e.source.fixed = []byte("web")
	}
	if e.source.get == nil && e.pixel.get == nil && e.set.get == nil && e.test.get == nil {
		e.from = sourceOfName(string(e.source.fixed))
		id := e.pixel.fixed
		if e.from != web || len(id) == 0 {
			id = e.set.fixed
		}
		e.fixed = appendEnvelope(nil, e.from.name(), id, e.test.fixed)
	}
	return e
}

// appendEnvelope writes the members around the events.
func appendEnvelope(dst []byte, source string, id, test []byte) []byte {
	dst = append(append(append(dst, `"event_source":"`...), source...), `","event_source_id":`...)
	dst = jsontext.AppendString(dst, id)
	if len(test) > 0 {
		dst = jsontext.AppendString(append(dst, `,"test_event_code":`...), test)
	}
	return dst
}

// Destination is where the events of an envelope go, in words.
func Destination(envelope string) string {
	if source, ok := sourceOf(envelope); ok {
		return source.String()
	}
	return envelope
}

// Misdirected is the reason of rows whose own destination is refused; "" where the configuration chooses it.
func (p *Plan) Misdirected() pipeline.Reason {
	e := &p.envelope
	if e.source.get == nil && e.pixel.get == nil && e.set.get == nil {
		return ""
	}
	return pipeline.InvalidPixel
}

// makeEnvelope writes the row's envelope into m.env and gives its source.
func (m *Maker) makeEnvelope() (source, error) {
	e := &m.plan.envelope
	if e.fixed != nil {
		m.env = e.fixed
		return e.from, nil
	}
	from, err := m.eventSource()
	if err != nil {
		return 0, err
	}
	id, err := m.sourceID(from)
	if err != nil {
		return 0, err
	}
	test, err := m.setting(&e.test)
	if err != nil {
		return 0, err
	}
	if identity.IsPlaceholder(test) {
		m.notes.Add("test_event_code", pipeline.LeftOut, identity.RulePlaceholder.Error())
		test = nil
	}
	if !printable(test, maxTestCode) {
		return 0, invalid(pipeline.InvalidTestCode, "test_event_code", "letters, digits and dashes, as Events Manager shows it")
	}
	m.env = appendEnvelope(m.env[:0], from.name(), id, test)
	return from, nil
}

func (m *Maker) eventSource() (source, error) {
	if m.plan.envelope.source.get == nil {
		return sourceOfName(alias(m.plan.envelope.source.fixed)), nil
	}
	text, err := m.setting(&m.plan.envelope.source)
	if err != nil {
		return 0, err
	}
	if from := sourceOfName(alias(text)); from != 0 {
		return from, nil
	}
	return 0, invalid(pipeline.InvalidPixel, "event_source", oneOfFour)
}

// sourceID is the pixel of a web event, TikTok's id of the app of an app event, and the event set of others.
func (m *Maker) sourceID(s source) ([]byte, error) {
	from, name := &m.plan.envelope.set, "event_source_id"
	if s == web && (m.plan.envelope.pixel.get != nil || len(m.plan.envelope.pixel.fixed) > 0) {
		from, name = &m.plan.envelope.pixel, "pixel_code"
	}
	id, err := m.setting(from)
	if err != nil {
		return nil, err
	}
	if len(id) == 0 || !printable(id, maxPixel) || identity.IsPlaceholder(id) {
		return nil, invalid(pipeline.InvalidPixel, name, "the code or id that Events Manager shows")
	}
	return id, nil
}

// setting is the text of a setting in this row, nothing where it has none.
func (m *Maker) setting(s *settingPlan) ([]byte, error) {
	if s.get == nil {
		return s.fixed, nil
	}
	v, err := s.get.Value(m.row)
	if err != nil || mapping.IsBlank(v) {
		return nil, err
	}
	m.noteDefault(s.name, s.get)
	return m.plainText(s.get, v)
}

// plainText is the trimmed text of a scalar.
func (m *Maker) plainText(g *mapping.Getter, v pipeline.Value) ([]byte, error) {
	if reason := notText(v); reason != "" {
		return nil, g.Reject(reason, textRule(reason))
	}
	return mapping.Trim(m.row.Text(v)), nil
}

// printable reports whether the text is a code: ASCII without blanks and without what addresses, numbers and their encodings have, and short.
func printable(text []byte, limit int) bool {
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '@' || c == '+' || c == '%' {
			return false
		}
	}
	return len(text) <= limit
}

// maxRequest is how large a call's body may become.
const maxRequest = 1 << 20

// Endpoint is where events go, below the API's base.
const Endpoint = "/event/track/"

// Limits are how many events a call may hold, and how many bytes.
func (p *Plan) Limits() (maxItems, maxBytes int) { return p.cfg.Batch.MaxEvents, maxRequest }

// AppendRequest writes the body of a call with these events, which share the envelope.
func (p *Plan) AppendRequest(dst []byte, envelope string, bodies [][]byte) []byte {
	dst = append(append(append(dst, '{'), envelope...), `,"data":[`...)
	for i, body := range bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, "]}"...)
}
