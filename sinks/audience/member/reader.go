package member

import (
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// Reader reads the identifiers of one kind from rows. It never changes and may be shared by goroutines.
type Reader struct {
	Kind  Kind
	Field string // what rejections call it

	get     *mapping.Getter
	hasher  identity.Hasher
	phone   identity.Phone  // of the sync's country, where rows may say another
	country *mapping.Getter // the column that says it; nil: none
}

// Mapping is what a sync's rows say of its members, compiled. It never changes and may be shared by goroutines.
type Mapping struct {
	Readers []Reader           // of the identifiers that are mapped, in the order of kinds
	when    *mapping.Condition // nil: every row is a member
}

// Includes reports whether the row is a member. One that is not is not looked at further: an opt-out counts, whatever else is
// wrong with the row. The error is a *pipeline.Rejection.
func (m *Mapping) Includes(row *mapping.Row) (bool, error) {
	if m.when == nil {
		return true, nil
	}
	return m.when.True(row, "member_when")
}

// Unchanged reports, of a row of changed columns, whether some and whether all columns of the condition did not change.
func (m *Mapping) Unchanged(row *mapping.Row) (some, all bool) {
	if m.when == nil {
		return false, false
	}
	return m.when.Unchanged(row)
}

// Unchanged reports, of a row of changed columns, whether the identifiers of the kind did not change. The error is the
// *pipeline.Rejection of a row that holds only a part of what makes them.
func (r *Reader) Unchanged(row *mapping.Row) (bool, error) {
	some, all := r.get.Unchanged(row)
	if r.country != nil && !all {
		unknown, _ := r.country.Unchanged(row)
		some = some || unknown
	}
	if some && !all {
		return false, pipeline.Reject(pipeline.StageMap, pipeline.UnavailableValueInRow, r.Field, "a row that holds all it needs, or none of it")
	}
	return all, nil
}

// Compile compiles what Validate has passed. cols learns the columns that are read.
func Compile(section string, i *Identifiers, r *Rules, cols *mapping.Columns) (m Mapping, err error) {
	modes := r.Hash.modes()
	o := identity.AudienceOptions{StripPlusTag: r.StripPlusTag, StripDots: r.StripDots}
	o.Country, _ = identity.ParseCountry([]byte(r.DefaultCountry))
	for k, f := range i.fields() {
		if f.IsZero() {
			continue
		}
		kind := Kind(k)
		if o.Mode, err = identity.ParseMode(modes[k]); err != nil {
			return m, fmt.Errorf("compile hash.%s: %w", kind.Name(), err)
		}
		reader := Reader{Kind: kind, Field: section + "." + kind.Name()}
		if err := reader.compile(f, o, cols); err != nil {
			return m, err
		}
		m.Readers = append(m.Readers, reader)
	}
	if m.when, err = mapping.NewCondition(r.MemberWhen, cols); err != nil {
		return m, fmt.Errorf("compile member_when: %w", err)
	}
	return m, nil
}

func (r *Reader) compile(f *mapping.Field, o identity.AudienceOptions, cols *mapping.Columns) (err error) {
	r.get = f.Compile(r.Field, cols)
	if f.Country != nil {
		r.compileCountry(f.Country, &o, cols)
	}
	if r.hasher, err = identity.ForAudience(r.Kind.Name(), o); err != nil {
		return fmt.Errorf("compile %s: %w", r.Field, err)
	}
	return nil
}

// compileCountry puts the field's own country before the sync's, and the row's before both.
func (r *Reader) compileCountry(c *mapping.Country, o *identity.AudienceOptions, cols *mapping.Columns) {
	for _, code := range []string{c.Code, c.Default} {
		if own, ok := identity.ParseCountry([]byte(code)); ok {
			o.Country = own
		}
	}
	if c.Column != "" {
		column := mapping.Named(c.Column)
		r.phone = identity.Phone{Mode: o.Mode, Country: o.Country}
		r.country = column.Compile(r.Field+".default_country", cols)
	}
}
