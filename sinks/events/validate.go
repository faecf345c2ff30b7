package events

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Validate reports everything that is wrong with the configuration, and warns of what is allowed but unwise.
func (c *Config) Validate(at settings.Place) {
	c.validateSource(at)
	c.validateEvent(at.Key("event"))
	c.validateEventID(at.Key("event_id"))
	if c.Consent != nil {
		c.Consent.validate(c.source(), at.Key("consent"))
	}
	if c.Cookies != nil {
		c.Cookies.Validate(at.Key("cookies"))
		c.validateWebAlone(at.Key("cookies"))
	}
	c.validateFields(at.Key("fields"))
	c.validateBatch(at.Key("batch"))
	if c.CurrencyFile != "" {
		if _, err := readCurrencyFile(c.CurrencyFile); err != nil {
			at.Key("currency_file").Problem(err.Error(), "")
		}
	}
}

// validateSource checks what goes around the events.
func (c *Config) validateSource(at settings.Place) {
	for name, s := range map[string]*Setting{"event_source": &c.EventSource, "pixel_code": &c.PixelCode,
		"event_source_id": &c.EventSourceID, "test_event_code": &c.TestEventCode} {
		if s.Field != nil {
			s.Field.Validate(at.Key(name))
			continue
		}
		if code := []byte(s.Static); !printable(code, maxPixel) || identity.IsPlaceholder(code) {
			at.Key(name).Problem("must be a code without blanks, at most 100 characters, and not a placeholder", "")
		}
	}
	from := c.source()
	switch {
	case c.EventSource.Field == nil && from == 0:
		at.Key("event_source").Problem("must be "+oneOfFour, "")
	case from == web && !c.PixelCode.isSet() && !c.EventSourceID.isSet():
		at.Key("pixel_code").Problem("required", "find it in Events Manager: it looks like CUSG5HBC77UD11VVRQEG")
	case from != 0 && from != web && !c.EventSourceID.isSet():
		at.Key("event_source_id").Problem("required for "+from.name()+" events", sourceIDHints[from])
	case from == app && strings.Trim(c.EventSourceID.Static, "0123456789") != "":
		at.Key("event_source_id").Warn("does not look like TikTok's id of an app, which is a number", "Events Manager shows it; the app's id in its store goes into app.app_id")
	}
	if c.PixelCode.isSet() {
		c.validateWebAlone(at.Key("pixel_code"))
	}
}

var sourceIDHints = map[source]string{
	app:     "TikTok's id of the app, a number that Events Manager shows",
	offline: "the id of the event set in Events Manager",
	crm:     "the id of the event set in Events Manager",
}

// validateWebAlone refuses what other events cannot use.
func (c *Config) validateWebAlone(at settings.Place) {
	if from := c.source(); from != 0 && from != web {
		at.Problem("is for web events", "take it out")
	}
}

// source is the event_source of every row, or 0 where the row says it.
func (c *Config) source() source {
	if c.EventSource.Field != nil {
		return 0
	}
	return sourceOfName(c.EventSource.Static)
}

func (c *Config) validateEvent(at settings.Place) {
	e := &c.Event
	if e.Field == nil {
		if e.Static == "" {
			at.Problem("required", "an event name of TikTok's, or {column: …} where the row names it")
			return
		}
		c.validateName(e.Static, at)
		return
	}
	e.Field.Validate(at)
	for _, constant := range []struct {
		key   string
		value *mapping.Constant
	}{{"value", e.Field.Value}, {"default", e.Field.Default}} {
		if constant.value != nil {
			c.validateConstantName(constant.value, at.Key(constant.key))
		}
	}
	for from, to := range e.Map {
		c.validateNames(to, at.Key("map").Key(from))
	}
}

// validateConstantName: a constant may be one of the map's names too.
func (c *Config) validateConstantName(value *mapping.Constant, at settings.Place) {
	for _, name := range value.Texts {
		if _, mapped := c.Event.Map[name]; !mapped {
			c.validateName(name, at)
		}
	}
}

func (c *Config) validateNames(names Names, at settings.Place) {
	for i, name := range names {
		c.validateName(name, at)
		if slices.ContainsFunc(names[:i], func(earlier string) bool { return c.sentAs(earlier) == c.sentAs(name) }) {
			at.Problem("names the same event twice", "TikTok would drop the second: it has the same id")
		}
	}
}

func (c *Config) sentAs(name string) string {
	if c.RenameLegacy {
		return renamed(name)
	}
	return name
}

// validateName checks one of TikTok's event names, or one of the company's own where those are allowed.
func (c *Config) validateName(name string, at settings.Place) {
	from := c.source()
	meant, becomes := spelling(name, from), reservedNames[name]
	switch {
	case slices.Contains(namesOf(from), name):
		c.warnLegacy(name, at)
	case c.CustomEvents && from == offline:
		at.Problem("offline events have TikTok's names alone", "")
	case becomes != "":
		at.Problem("is reserved: TikTok counts it as "+becomes, "write "+becomes+" if that is meant, else another name")
	case c.CustomEvents && customRule(name) != "":
		at.Problem("must be "+ownName, settings.DidYouMean(name, namesOf(from)))
	case c.CustomEvents:
		if meant = cmp.Or(meant, nearMiss(name, from)); meant != "" {
			at.Warn("is sent as an event of your own, not as "+meant, "write "+meant+" if that is meant")
		}
	case meant != "":
		at.Problem("is not one of TikTok's event names", "did you mean "+meant+"?")
	case sourcesOf(name) != 0:
		at.Problem("is not one of TikTok's names of "+from.name()+" events", cmp.Or(settings.DidYouMean(name, namesOf(from)), "docs/configuration lists them; custom_events: true allows others"))
	default:
		at.Problem("is not one of TikTok's event names", cmp.Or(settings.DidYouMean(name, namesOf(from)), "custom_events: true allows names of your own"))
	}
}

func (c *Config) warnLegacy(name string, at settings.Place) {
	for _, l := range legacyNames {
		if l.name != name || c.RenameLegacy && l.now != "" {
			continue
		}
		hint := "never mix old and new names for one pixel: they may count twice"
		if l.now != "" {
			hint = "write " + l.now + " where the pixel does too, or set rename_legacy: true; " + hint
		}
		at.Warn(l.name+" is "+l.fate, hint)
	}
}

func (c *Config) validateEventID(at settings.Place) {
	id := &c.EventID
	switch {
	case id.Field != nil:
		own := *id.Field
		if own.Redact == "mask" {
			at.Key("redact").Problem("takes reject or keep here", "many events would have the same id")
		}
		own.Redact = "" // checked here
		own.Validate(at)
	case id.Columns != nil && len(id.Columns) == 0, slices.Contains(id.Columns, ""):
		at.Key("columns").Problem("must name at least one column, or be all", "")
	}
}

func (c *Config) validateBatch(at settings.Place) {
	if n := c.Batch.MaxEvents; n < 1 || n > maxBatch {
		at.Key("max_events").Problem("must be 1 to 1000", "TikTok refuses larger calls")
	}
}
