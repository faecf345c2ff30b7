package segment

import (
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Plan is one sync's mapping, compiled. It never changes and may be shared by goroutines.
type Plan struct {
	cfg       Config
	remembers bool
	now       func() time.Time
	metrics   *metrics.Sync

	ids      []idPlan
	member   *mapping.Condition // nil: every row is a member
	audience *mapping.Getter    // nil: the sync's own
	head     []byte             // of a request, up to the action
	schema   []byte             // of a request, from id_schema to the rows
	mapped   [len(types)]bool   // the types in it
}

// idPlan reads and hashes one type of identifier.
type idPlan struct {
	kind    int
	get     *mapping.Getter
	field   string
	hasher  identity.Hasher
	phone   identity.Phone  // of the sync's country, where rows may say another
	country *mapping.Getter // the column that says it; nil: none
}

// readCountry has the row say which country its phone number belongs to.
func (id *idPlan) readCountry(c *mapping.Country, o identity.AudienceOptions, cols *mapping.Columns) {
	if c.Column == "" {
		return
	}
	column := mapping.Named(c.Column)
	id.phone = identity.Phone{Mode: o.Mode, Country: o.Country}
	id.country = column.Compile(id.field+".default_country", cols)
}

// Options are what a Plan must know beside its Config.
type Options struct {
	AdvertiserID string // of the connection
	FullBefore   bool   // the sync's before-images are known to hold the whole old row (before_image: full)
}

// New compiles a Config that Validate has passed. cols learns the columns the plan reads; now is the clock.
func New(cfg Config, o Options, cols *mapping.Columns, now func() time.Time, m *metrics.Sync) (*Plan, error) {
	report := &settings.Report{}
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		return nil, fmt.Errorf("compile audience_segment: %w", err)
	}
	if len(cfg.AdvertiserIDs) == 0 {
		cfg.AdvertiserIDs = []string{o.AdvertiserID}
	}
	p := &Plan{cfg: cfg, remembers: cfg.Remembers(o.FullBefore), now: now, metrics: m}
	if err := p.compileIdentifiers(cols); err != nil {
		return nil, err
	}
	member, err := mapping.NewCondition(cfg.MemberWhen, cols)
	if err != nil {
		return nil, fmt.Errorf("compile member_when: %w", err)
	}
	p.member = member
	if cfg.Audience.Row != nil {
		p.audience = cfg.Audience.Row.Compile("audience", cols)
	}
	p.compileRequest()
	return p, nil
}

// Remembers says whether the sync needs a Memory.
func (p *Plan) Remembers() bool { return p.remembers }

func (p *Plan) compileIdentifiers(cols *mapping.Columns) error {
	modes := p.cfg.Hash.modes()
	country, _ := identity.ParseCountry([]byte(p.cfg.DefaultCountry))
	for kind, f := range p.cfg.Identifiers.fields() {
		if f.IsZero() {
			continue
		}
		mode, err := identity.ParseMode(modes[kind])
		if err != nil {
			return fmt.Errorf("compile hash.%s: %w", types[kind].name, err)
		}
		options := identity.AudienceOptions{Mode: mode, Country: country, StripPlusTag: p.cfg.StripPlusTag, StripDots: p.cfg.StripDots}
		id, err := compileIdentifier(kind, f, options, cols)
		if err != nil {
			return err
		}
		p.ids = append(p.ids, id)
	}
	return nil
}

func compileIdentifier(kind int, f *mapping.Field, o identity.AudienceOptions, cols *mapping.Columns) (idPlan, error) {
	name := types[kind].name
	id := idPlan{kind: kind, get: f.Compile("identifiers."+name, cols), field: "identifiers." + name}
	if c := f.Country; c != nil {
		for _, code := range []string{c.Code, c.Default} {
			if own, ok := identity.ParseCountry([]byte(code)); ok {
				o.Country = own
			}
		}
		id.readCountry(c, o, cols)
	}
	var err error
	if id.hasher, err = identity.ForAudience(name, o); err != nil {
		return id, fmt.Errorf("compile %s: %w", name, err)
	}
	return id, nil
}
