package events

import (
	"cmp"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// event is a name events are sent under.
type event struct {
	json     []byte // the name as JSON
	sources  source // those that the name needs no custom_events for; 0 is a custom name
	reserved string // what events of sources that do not list the name would be counted as
	meant    string // one of TikTok's that a custom name is close to
	counters keyCounters
}

// namePlan finds the events a row means.
type namePlan struct {
	fixed []*event
	get   *mapping.Getter
	known map[string][]*event // by the row's text: the map's entries, and TikTok's own names
	skip  bool                // unmapped: skip
	other *event              // counts custom names
}

func newNamePlan(cfg *Config, cols *mapping.Columns, m *Metrics) namePlan {
	b := nameBuilder{cfg: cfg, metrics: m, made: map[string]*event{}}
	p := namePlan{known: map[string][]*event{}, skip: cfg.Event.Unmapped == "skip", other: b.event("")}
	if cfg.Event.Field == nil {
		p.fixed = []*event{b.event(cfg.Event.Static)}
		return p
	}
	p.get = cfg.Event.Field.Compile("event", cols)
	for _, name := range namesOf(cfg.source()) {
		p.known[name] = []*event{b.event(name)}
	}
	for from, to := range cfg.Event.Map {
		p.known[from] = []*event{}
		for _, name := range to {
			p.known[from] = append(p.known[from], b.event(name))
		}
	}
	return p
}

// nameBuilder makes each event once.
type nameBuilder struct {
	cfg     *Config
	metrics *Metrics
	made    map[string]*event
}

func (b *nameBuilder) event(name string) *event {
	if b.cfg.RenameLegacy {
		name = renamed(name)
	}
	if b.made[name] == nil {
		b.made[name] = &event{json: jsontext.AppendString(nil, []byte(name)), sources: sourcesOf(name), reserved: reservedNames[name], counters: newKeyCounters(b.metrics, name)}
	}
	return b.made[name]
}

// customNames are the names of a Maker's custom events, kept so that a name costs once.
type customNames map[string][]*event

// maxCustomNames bounds what a column with a name of its own in every row may cost.
const maxCustomNames = 1000

// eventNames are the events of the row; no caller may keep the slice.
func (m *Maker) eventNames() ([]*event, error) {
	events, err := m.namedEvents()
	for _, e := range events {
		if e.sources&m.from == 0 && err == nil {
			err = m.ownNameOf(e)
		}
	}
	return events, err
}

// ownNameOf is why events of the row's source may not have a name that TikTok does not list for them, or nil. Offline events have TikTok's
// names alone.
func (m *Maker) ownNameOf(e *event) error {
	switch {
	case m.from == offline:
		return invalid(pipeline.InvalidEventName, "event", "one of TikTok's event names of "+namesAsOf+": offline events have no others")
	case e.reserved != "":
		return invalid(pipeline.InvalidEventName, "event", "one of TikTok's names of "+m.from.name()+" events: it would count this one as "+e.reserved)
	case !m.plan.cfg.CustomEvents:
		return invalid(pipeline.InvalidEventName, "event", "one of TikTok's names of "+m.from.name()+" events, or a name in event.map")
	}
	return nil
}

func (m *Maker) namedEvents() ([]*event, error) {
	p := &m.plan.names
	if p.get == nil {
		return p.fixed, nil
	}
	v, err := p.get.Value(m.row)
	if err != nil {
		return nil, err
	}
	if v.Kind() == pipeline.String && len(m.sameEvents) > 0 && string(v.Bytes()) == string(m.sameName) {
		return m.sameEvents, nil
	}
	if reason := missing(v); reason != "" {
		return nil, invalid(reason, "event", "an event name")
	}
	name, err := m.plainText(p.get, v)
	if err != nil {
		return nil, err
	}
	m.noteDefault("event", p.get)
	if events, ok := p.known[string(name)]; ok {
		if len(events) == 0 {
			return nil, pipeline.SkipUnmapped
		}
		m.sameName, m.sameEvents = append(m.sameName[:0], name...), events
		return events, nil
	}
	return m.unknownName(name)
}

func (m *Maker) unknownName(name []byte) ([]*event, error) {
	switch {
	case m.plan.names.skip:
		return nil, pipeline.SkipUnmapped
	case !m.plan.cfg.CustomEvents:
		return nil, invalid(pipeline.InvalidEventName, "event", nameRule(name, m.from))
	}
	if events, ok := m.custom[string(name)]; ok {
		return events, nil
	}
	if identity.IsPlaceholder(name) {
		return nil, invalid(pipeline.InvalidEventName, "event", "an event name, not a placeholder such as null or n/a")
	}
	if rule := customRule(string(name)); rule != "" {
		return nil, invalid(pipeline.InvalidEventName, "event", rule)
	}
	if m.custom == nil || len(m.custom) == maxCustomNames {
		m.custom = customNames{}
	}
	from := m.plan.cfg.source()
	meant := cmp.Or(spelling(string(name), from), nearMiss(string(name), from))
	events := []*event{{json: jsontext.AppendString(nil, name), meant: meant, counters: m.plan.names.other.counters}}
	m.custom[string(name)] = events
	return events, nil
}

// nameRule says what name was probably meant: that is TikTok's word, not the row's.
func nameRule(name []byte, from source) string {
	if meant := spelling(string(name), from); meant != "" {
		return "one of TikTok's event names, written as they are: did you mean " + meant + "?"
	}
	if becomes := reservedNames[string(name)]; becomes != "" {
		return "one of TikTok's event names: it would count " + string(name) + " as " + becomes
	}
	if from == app {
		return "one of TikTok's names of app events, or a name in event.map"
	}
	return "one of TikTok's event names of " + namesAsOf + ", or a name in event.map"
}
