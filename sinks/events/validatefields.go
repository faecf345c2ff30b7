package events

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func (c *Config) validateFields(at settings.Place) {
	for _, name := range c.Fields.names() {
		f := c.Fields[name]
		c.validateField(name, &f, at.Key(name))
	}
	c.validateRequired(at)
	c.validateIdentified(at)
	if c.has("properties.value") && !c.has("properties.currency") {
		at.Key("properties.value").Warn("a value without properties.currency", "TikTok expects a currency with it: map the column, or {value: EUR}")
	}
}

func (c *Config) has(field string) bool { _, ok := c.Fields[field]; return ok }

func (c *Config) validateField(name string, f *FieldConfig, at settings.Place) {
	s := specOf(name)
	switch {
	case name == timeField:
		if !f.Now {
			f.Validate(at)
			checkConstantTimes(&f.Field, at)
		}
		return
	case s == nil && c.isOwnProperty(name):
		s = &spec{name: name, kind: anything, sources: everywhere, max: maxText}
	case s == nil:
		at.Problem("unknown field", c.fieldHint(name))
		return
	}
	c.validatePlace(s, at)
	c.validateForms(s, f, at)
}

// isOwnProperty allows one level below properties.
func (c *Config) isOwnProperty(name string) bool {
	own, ok := strings.CutPrefix(name, "properties.")
	return ok && c.CustomProperties && own != "" && !strings.Contains(own, ".")
}

// fieldHint helps with an unknown name: the 1.0 vocabulary, names without their object, near misses.
func (c *Config) fieldHint(name string) string {
	if now, ok := formerNames[name]; ok {
		return "write " + now
	}
	known := []string{timeField}
	for _, s := range specs {
		known = append(known, s.name)
	}
	fallback := "see the list of fields in docs/configuration"
	if strings.HasPrefix(name, "properties.") {
		fallback = "custom_properties: true allows properties of your own"
	}
	return cmp.Or(settings.DidYouMean(name, known), fallback)
}

// formerNames are the names of Events API 1.0, and names without their object.
var formerNames = map[string]string{
	"timestamp": timeField, "time": timeField, "event": "event, next to fields", "event_id": "event_id, next to fields",
	"context.user.email": "user.email", "context.user.phone_number": "user.phone", "context.user.external_id": "user.external_id",
	"context.user.ttp": "user.ttp", "context.ad.callback": "user.ttclid", "context.ip": "user.ip", "context.user_agent": "user.user_agent",
	"context.page.url": "page.url", "context.page.referrer": "page.referrer",
	"email": "user.email", "phone": "user.phone", "phone_number": "user.phone", "user.phone_number": "user.phone",
	"external_id": "user.external_id", "ttclid": "user.ttclid", "ttp": "user.ttp", "ip": "user.ip", "user_agent": "user.user_agent",
	"url": "page.url", "value": "properties.value", "currency": "properties.currency", "contents": "properties.contents",
	"idfa": "user.idfa", "gaid": "user.gaid", "idfv": "user.idfv", "aaid": "user.gaid", "user.aaid": "user.gaid", "att_status": "user.att_status",
	"app_id": "app.app_id", "lead_id": "lead.lead_id", "properties.contents_ids": "properties.content_ids", "properties.mileage": "properties.mileage.value and properties.mileage.unit",
}

// validatePlace checks that the field goes where the events go.
func (c *Config) validatePlace(s *spec, at settings.Place) {
	if from := c.source(); from != 0 && s.sources&from == 0 {
		at.Problem("is not for "+from.name()+" events", "take it out")
	}
}

// validateForms checks how the field gets its value.
func (c *Config) validateForms(s *spec, f *FieldConfig, at settings.Place) {
	switch {
	case f.From != "":
		if !c.has("properties.contents") {
			at.Problem("properties.contents is not mapped", "map the products")
		}
		return
	case f.Product != nil:
		for name, field := range f.Product {
			own := field
			own.Redact = "" // checked here
			own.Validate(at.Key(name))
			validateRedact(memberKind(name), &field, at.Key(name).Key("redact"))
			checkConstants(c, &spec{name: name, kind: memberKind(name), max: maxText}, &field, at.Key(name))
		}
		return
	}
	own := f.Field
	own.OnInvalid, own.Redact = "", "" // checked here
	own.Validate(at)
	validateOnInvalid(s, &f.Field, at.Key("on_invalid"))
	validateRedact(s.kind, &f.Field, at.Key("redact"))
	c.validateCountry(s, f.Country, at.Key("default_country"))
	if f.Separator != "" && s.kind != texts && s.kind != identifier && s.kind != numbers {
		at.Key("separator").Problem("is for fields that take several values", "")
	}
	checkConstants(c, s, &f.Field, at)
}

func validateOnInvalid(s *spec, f *mapping.Field, at settings.Place) {
	several := s.kind == identifier || s.kind == oneHash || s.kind == texts || s.kind == numbers || s.kind == contents || s.kind == brands
	switch {
	case f.OnInvalid == "omit" && s.required != 0:
		at.Problem("the field is required", "use reject, or default")
	case f.OnInvalid == "default" && several:
		at.Problem("takes reject or omit here", "")
	case f.OnInvalid == "default" && f.Default == nil:
		at.Problem("needs a default", "give the field one, or use omit")
	}
}

func memberKind(name string) kind {
	for _, m := range productMembers {
		if m.name == name {
			return m.kind
		}
	}
	return text
}

func (c *Config) validateCountry(s *spec, country *mapping.Country, at settings.Place) {
	switch {
	case country == nil:
	case s.name != "user.phone":
		at.Problem("is for user.phone", "take it out")
	case country.Column == "" || country.Default != "":
		if _, ok := identity.ParseCountry([]byte(country.Code + country.Default)); !ok {
			at.Problem("unknown country", "two letters of ISO 3166: US, GB, DE")
		}
	}
}

// checkConstants holds values written in the configuration to the rules of rows. Identifiers are left out: a rule's text
// must not show what is hashed.
func checkConstants(c *Config, s *spec, f *mapping.Field, at settings.Place) {
	if s.kind == identifier || s.kind == oneHash || s.kind == contents || s.kind == brands || s.kind == anything {
		return
	}
	p := &Plan{cfg: *c}
	p.currencies.Store(builtinCurrencyList())
	m := p.Maker()
	m.row.Begin(&pipeline.Change{Op: pipeline.Insert})
	for key, constant := range map[string]*mapping.Constant{"value": f.Value, "default": f.Default} {
		if constant == nil || c.CurrencyFile != "" && s.kind == currency {
			continue
		}
		if constant.List && s.kind != texts && s.kind != numbers {
			at.Key(key).Problem("must be one value", "")
		}
		m.checkConstant(s, constant, at.Key(key))
	}
}

// checkConstantTimes finds a time in the configuration that is none: `default: now` would reject every row without one.
func checkConstantTimes(f *mapping.Field, at settings.Place) {
	get := (&mapping.Field{Timezone: f.Timezone, Format: f.Format}).Compile(timeField, &mapping.Columns{})
	for key, constant := range map[string]*mapping.Constant{"value": f.Value, "default": f.Default} {
		if constant == nil {
			continue
		}
		for _, text := range constant.Texts {
			if _, ok := get.Time(pipeline.StringValue([]byte(text))); !ok {
				at.Key(key).Problem("must be "+get.TimeRule(), "{now: true} for the time of sending")
			}
		}
	}
}

func (m *Maker) checkConstant(s *spec, constant *mapping.Constant, at settings.Place) {
	for _, text := range constant.Texts {
		if s.kind.leavesOut() && identity.IsPlaceholder([]byte(text)) {
			at.Problem("is a placeholder, which is never sent", "leave it out")
			continue
		}
		if _, err := m.scalar(nil, &step{spec: s}, pipeline.StringValue([]byte(text))); err != nil {
			rejection, _ := errors.AsType[*pipeline.Rejection](err)
			at.Problem("must be "+rejection.Rule, "")
		}
	}
}

// validateRequired names the fields without which no row could be sent.
func (c *Config) validateRequired(at settings.Place) {
	from := c.source()
	if !c.has(timeField) {
		at.Key(timeField).Problem("required", "map the column with the time of the event, or {now: true}")
	}
	for i := range specs {
		if s := &specs[i]; s.required&from != 0 && !c.has(s.name) {
			at.Key(s.name).Problem("required for "+from.name()+" events", requiredHints[s.name])
		}
	}
}

var requiredHints = map[string]string{
	"page.url":     "map a column, or {value: https://…} for all rows",
	"app.app_id":   "the app's id in its store or its package name: map the column, or {value: com.example.shop} for all rows",
	"lead.lead_id": "map the column with TikTok's lead id; leads without one are offline events, see docs/configuration",
}

func (c *Config) validateIdentified(at settings.Place) {
	identified := slices.ContainsFunc(c.Fields.names(), func(name string) bool { return matchKeyOf(name)&identifying != 0 })
	if !identified && c.RequireIdentifier {
		fields := "user.email, user.phone, user.external_id, user.ttp or user.ttclid"
		if c.source() == app {
			fields = "user.email, user.phone, user.idfa, user.gaid or user.idfv"
		}
		at.Problem("no identifier is mapped, so every row would be rejected", "map "+fields+", or set require_identifier: false")
	}
}
