package events

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// CheckTypes reports what a schema's columns say of the mapping: expressions that do not fit them, columns whose type a
// field cannot take, and, as warnings, required fields whose column may be NULL.
func (c *Config) CheckTypes(k mapping.Kinds, at settings.Place) {
	for _, s := range []struct {
		name  string
		field *mapping.Field
	}{{"event", c.Event.Field}, {"event_id", c.EventID.Field}, {"event_source", c.EventSource.Field}, {"pixel_code", c.PixelCode.Field},
		{"event_source_id", c.EventSourceID.Field}, {"test_event_code", c.TestEventCode.Field}} {
		if s.field == nil {
			continue
		}
		checkKind(text, s.field, k, at.Key(s.name))
		if s.name != "test_event_code" {
			warnOfNull(s.field, k, at.Key(s.name))
		}
	}
	if c.Consent != nil {
		checkKind(texts, c.Consent.field(), k, at.Key("consent"))
	}
	if c.Cookies != nil {
		checkKind(text, c.Cookies, k, at.Key("cookies"))
	}
	for _, name := range c.Fields.names() {
		c.checkField(name, k, at.Key("fields").Key(name))
	}
}

func (c *Config) checkField(name string, k mapping.Kinds, at settings.Place) {
	f := c.Fields[name]
	if name == timeField {
		if !f.Now {
			checkTime(&f.Field, k, at)
		}
		return
	}
	of := anything
	if s := specOf(name); s != nil {
		of = s.kind
	}
	checkKind(of, &f.Field, k, at)
	if s := specOf(name); s != nil && s.required&c.source() != 0 {
		warnOfNull(&f.Field, k, at)
	}
	for member, field := range f.Product {
		field.CheckTypes(k, at.Key(member))
	}
}

func checkTime(f *mapping.Field, k mapping.Kinds, at settings.Place) {
	kind := f.CheckTypes(k, at)
	if slices.Contains(noTimes, kind) {
		at.Problem("the column's type is "+kind.String()+", which is not a time", "every row is rejected")
	}
	warnOfNull(f, k, at)
}

func checkKind(of kind, f *mapping.Field, k mapping.Kinds, at settings.Place) {
	kind := f.CheckTypes(k, at)
	if slices.Contains(refusedKinds[of], kind) {
		at.Problem("the column's type is "+kind.String()+", which the field cannot take", "every row with a value in it is rejected; see `type`, `path` and `expr`")
	}
}

func warnOfNull(f *mapping.Field, k mapping.Kinds, at settings.Place) {
	if !f.IsZero() && f.MayBeNull(k) {
		at.Warn("the column may be NULL, and the field is required", "such rows are rejected; give it a default, if there is a good one")
	}
}

var (
	opaque     = []pipeline.Kind{pipeline.Bytes, pipeline.Struct, pipeline.Duration}
	noTexts    = append([]pipeline.Kind{pipeline.List}, opaque...)
	noTimes    = append([]pipeline.Kind{pipeline.Bool, pipeline.TimeOfDay}, noTexts...)
	noBooleans = append([]pipeline.Kind{pipeline.Instant, pipeline.Local, pipeline.Date, pipeline.TimeOfDay}, noTexts...)
	noNumbers  = append([]pipeline.Kind{pipeline.Bool}, noBooleans...)
	noProducts = []pipeline.Kind{pipeline.Bool, pipeline.Int, pipeline.Float, pipeline.Float32, pipeline.Decimal, pipeline.Bytes,
		pipeline.Instant, pipeline.Local, pipeline.Date, pipeline.TimeOfDay, pipeline.Duration}
)

// refusedKinds are the kinds of columns of which no value fits a field, whatever it is. Of the others, rows tell.
var refusedKinds = map[kind][]pipeline.Kind{
	text: noTexts, choice: noTexts, webAddress: noTexts, referrer: noTexts, ipAddress: noTexts, currency: noTexts, oneHash: noTexts, vendorID: noTexts, place: noTexts,
	texts: opaque, identifier: opaque, boolean: noBooleans, number: noNumbers, whole: noNumbers, share: noNumbers, contents: noProducts, brands: noProducts,
}
