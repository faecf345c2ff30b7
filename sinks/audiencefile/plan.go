package audiencefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Plan is one sync's mapping, compiled. It never changes and may be shared by goroutines.
type Plan struct {
	cfg      Config
	now      func() time.Time
	ids      []idPlan
	member   *mapping.Condition // nil: every row is a member
	layout   layout
	schedule *schedule // nil: on demand only
	mapping  string    // tells one mapping from another
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

// New compiles a Config that Validate has passed. cols learns the columns the plan reads; now is the clock.
func New(cfg Config, cols *mapping.Columns, now func() time.Time) (*Plan, error) {
	report := &settings.Report{}
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		return nil, fmt.Errorf("compile audience_file: %w", err)
	}
	p := &Plan{cfg: cfg.withDefaults(), now: now}
	if err := p.compileIdentifiers(cols); err != nil {
		return nil, err
	}
	p.layout = newLayout(p.ids)
	var err error
	if p.member, err = mapping.NewCondition(cfg.MemberWhen, cols); err != nil {
		return nil, fmt.Errorf("compile member_when: %w", err)
	}
	if cfg.Schedule != "" {
		if p.schedule, err = newSchedule(cfg.Schedule, p.cfg.Timezone); err != nil {
			return nil, err
		}
	}
	p.mapping, err = fingerprint(&cfg)
	return p, err
}

// fingerprint tells configurations apart that make other lines of the same rows.
func fingerprint(c *Config) (string, error) {
	text, err := json.Marshal([]any{c.Identifier, c.Hash, c.StripPlusTag, c.StripDots, c.DefaultCountry, c.MemberWhen})
	if err != nil {
		return "", fmt.Errorf("describe the mapping: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

func (p *Plan) compileIdentifiers(cols *mapping.Columns) error {
	modes := p.cfg.Hash.modes()
	country, _ := identity.ParseCountry([]byte(p.cfg.DefaultCountry))
	for kind, f := range p.cfg.Identifier.fields() {
		if f.IsZero() {
			continue
		}
		mode, err := identity.ParseMode(modes[kind])
		if err != nil {
			return fmt.Errorf("compile hash.%s: %w", types[kind].name, err)
		}
		o := identity.AudienceOptions{Mode: mode, Country: country, StripPlusTag: p.cfg.StripPlusTag, StripDots: p.cfg.StripDots}
		id, err := compileIdentifier(kind, f, o, cols)
		if err != nil {
			return err
		}
		p.ids = append(p.ids, id)
	}
	return nil
}

func compileIdentifier(kind int, f *mapping.Field, o identity.AudienceOptions, cols *mapping.Columns) (idPlan, error) {
	field := "identifier." + types[kind].name
	id := idPlan{kind: kind, get: f.Compile(field, cols), field: field}
	if c := f.Country; c != nil {
		for _, code := range []string{c.Code, c.Default} {
			if own, ok := identity.ParseCountry([]byte(code)); ok {
				o.Country = own
			}
		}
		if c.Column != "" {
			column := mapping.Named(c.Column)
			id.phone = identity.Phone{Mode: o.Mode, Country: o.Country}
			id.country = column.Compile(field+".default_country", cols)
		}
	}
	var err error
	if id.hasher, err = identity.ForAudience(types[kind].name, o); err != nil {
		return id, fmt.Errorf("compile %s: %w", field, err)
	}
	return id, nil
}
