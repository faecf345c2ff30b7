package events

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Plan is one sync's mapping, compiled. It may be shared by goroutines, and never changes but for its list of currencies.
type Plan struct {
	cfg        Config
	now        func() time.Time
	metrics    *Metrics
	currencies atomic.Pointer[currencyList]

	maxAgeText string
	maxAge     time.Duration
	requires   bool // an identifier
	sums       bool // a field is computed from the products
	ids        bool // and one of their ids

	envelope envelopePlan
	names    namePlan
	time     *mapping.Getter // nil: the clock, or not mapped
	id       idPlan
	consent  *consentPlan
	steps    []step
	unmapped []*spec // that TikTok refuses events of some sources without, where rows choose the source
}

// step writes one field.
type step struct {
	spec   *spec
	get    *mapping.Getter
	key    []byte  // "email":
	object *object // around the field

	hasher   identity.Hasher // identifiers, but phones whose country the row says
	phone    *phonePlan
	products *productPlan
	computed bool // from contents
	matchKey matchKeys

	onInvalid string
	redaction redaction
	own       *step // a custom property's text, or a brand's
	elsewhere *elsewhere
	limits    bool // true where the row's consent is a limited one
}

// New compiles a Config that Validate has passed. cols learns the columns the plan reads; now is the clock. A nil m counts
// nothing.
func New(cfg Config, cols *mapping.Columns, now func() time.Time, m *Metrics) (*Plan, error) {
	report := &settings.Report{}
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		return nil, fmt.Errorf("compile web_events: %w", err)
	}
	p := &Plan{cfg: cfg, now: now, metrics: m}
	if err := p.ReadCurrencies(); err != nil {
		return nil, err
	}
	p.maxAge, p.maxAgeText = cfg.MaxAge.Std(), cfg.MaxAge.String()
	p.requires = cfg.RequireIdentifier
	p.envelope = newEnvelopePlan(&p.cfg, cols)
	p.names = newNamePlan(&p.cfg, cols, m)
	p.id = newIDPlan(cfg.EventID, cols)
	p.consent = newConsentPlan(cfg.Consent, cols)
	if f, ok := cfg.Fields[timeField]; ok && !f.Now {
		p.time = f.Compile(timeField, cols)
	}
	p.compileFields(cols)
	return p, nil
}

func (p *Plan) compileFields(cols *mapping.Columns) {
	objects := map[string]*object{}
	for i := range specs {
		f, ok := p.cfg.Fields[specs[i].name]
		if !ok && specs[i].required != 0 && p.cfg.source() == 0 {
			p.unmapped = append(p.unmapped, &specs[i])
		}
		from, limits := p.newElsewhere(specs[i].name, cols), p.consent != nil && specs[i].name == "limited_data_use"
		if ok || from != nil || limits {
			s := p.compileField(&specs[i], f, cols, objects)
			s.elsewhere, s.limits = from, limits
			p.steps = append(p.steps, s)
		}
	}
	for _, name := range p.cfg.Fields.names() {
		if name != timeField && specOf(name) == nil {
			custom := &spec{name: name, kind: anything, sources: everywhere, max: maxText}
			p.steps = append(p.steps, p.compileField(custom, p.cfg.Fields[name], cols, objects))
		}
	}
}

func (p *Plan) compileField(s *spec, f FieldConfig, cols *mapping.Columns, objects map[string]*object) step {
	st := step{spec: s, computed: f.From != "", onInvalid: f.OnInvalid}
	p.sums, p.ids = p.sums || st.computed, p.ids || f.ids
	st.key, st.object = pathOf(s.name, objects)
	if !st.computed && !f.IsZero() {
		st.get = f.Compile(s.name, cols)
	}
	st.redaction = newRedaction(s.kind, s.name, f.Redact, p.metrics, st.get)
	switch s.kind {
	case identifier, oneHash:
		p.compileIdentity(&st, f, cols)
	case contents:
		st.products = newProductPlan(f, cols, st.redaction)
	case brands:
		st.own = &step{spec: &spec{name: s.name, kind: text, max: s.max}, redaction: st.redaction}
	case anything:
		st.own = &step{spec: &spec{name: s.name, kind: ownText, max: maxLongText}, redaction: st.redaction}
	}
	st.matchKey = matchKeyOf(s.name)
	return st
}

// pathOf finds the object a dotted path leads to, and the key at its end.
func pathOf(path string, objects map[string]*object) (key []byte, around *object) {
	parts := strings.Split(path, ".")
	for i := range parts[:len(parts)-1] {
		prefix := strings.Join(parts[:i+1], ".")
		if objects[prefix] == nil {
			objects[prefix] = &object{within: around, open: []byte(`"` + parts[i] + `":{`)}
		}
		around = objects[prefix]
	}
	return append(jsontext.AppendString(nil, []byte(parts[len(parts)-1])), ':'), around
}
