package events

import "strings"

// kind is what a field's value has to be, and how it is written.
type kind uint8

const (
	text       kind = iota
	texts           // a list of texts
	ownText         // a text in a custom property
	number          // finite, not negative
	numbers         // a list of two numbers: a range
	whole           // a whole number, not negative
	share           // a number from 0 to 1
	boolean         //
	choice          // one of a vocabulary
	webAddress      // an absolute http(s) URL
	referrer        // an absolute URL
	ipAddress       //
	currency        //
	identifier      // normalised and hashed; one, or several
	oneHash         // normalised and hashed; one
	vendorID        // Apple's id of a device for a vendor, in clear
	place           // normalised, in clear
	contents        // products
	brands          // a browser's brands and their versions
	anything        // a custom property: whatever the column holds
)

// source is an event_source.
type source uint8

const (
	web source = 1 << iota
	app
	offline
	crm
)

// sources are what an event_source may be.
var sources = []struct {
	name string
	is   source
}{{"web", web}, {"app", app}, {"offline", offline}, {"crm", crm}}

const (
	everywhere = web | app | offline | crm
	oneOfFour  = "web, app, offline or crm"
)

// sourceOfName is the source of that name, or 0.
func sourceOfName(name string) source {
	for _, s := range sources {
		if s.name == name {
			return s.is
		}
	}
	return 0
}

func (s source) name() string {
	for _, known := range sources {
		if known.is == s {
			return known.name
		}
	}
	return ""
}

// spec is what is known of a field: where it goes, what it must be, and for which sources TikTok documents it.
type spec struct {
	name     string // as configured: properties.value
	kind     kind
	sources  source
	required source // TikTok refuses an event of these without it
	max      int    // characters of a text; elements have the same limit each
	choices  []string
	rider    bool // it says nothing without the field before it
}

// limitable are the sources whose events TikTok takes limited_data_use with.
const limitable = web | app

// The limits of length. TikTok publishes few; these are wide for honest data and keep an event well under a megabyte.
const (
	maxEventName = 50
	maxEventID   = 128
	maxPixel     = 100
	maxTestCode  = 100
	maxID        = 512
	maxText      = 2048
	maxLongText  = 8192 // URLs, search texts and descriptions
	maxVIN       = 17

	maxIdentifiers = 10
	maxElements    = 1000
	maxEvent       = 512 << 10 // bytes of one event
)

// specs lists every field in the order in which it is checked and written.
var specs = []spec{
	{name: "user.email", kind: identifier, sources: everywhere},
	{name: "user.phone", kind: identifier, sources: everywhere},
	{name: "user.external_id", kind: identifier, sources: web | crm},
	{name: "user.ttp", kind: text, sources: web, max: maxID},
	{name: "user.ttclid", kind: text, sources: web, max: maxText},
	{name: "user.ip", kind: ipAddress, sources: web | app},
	{name: "user.user_agent", kind: text, sources: web | app, max: maxText},
	{name: "user.locale", kind: text, sources: web | app, max: maxID},
	{name: "user.first_name", kind: oneHash, sources: everywhere},
	{name: "user.last_name", kind: oneHash, sources: everywhere},
	{name: "user.city", kind: place, sources: everywhere, max: maxID},
	{name: "user.state", kind: place, sources: everywhere, max: maxID},
	{name: "user.country", kind: place, sources: everywhere, max: maxID},
	{name: "user.zip_code", kind: oneHash, sources: everywhere},
	{name: "user.idfa", kind: oneHash, sources: app},
	{name: "user.gaid", kind: oneHash, sources: app},
	{name: "user.idfv", kind: vendorID, sources: app},
	{name: "user.att_status", kind: choice, sources: app, choices: words("AUTHORIZED DENIED NOT_DETERMINED RESTRICTED NOT_APPLICABLE")},

	{name: "page.url", kind: webAddress, sources: web, required: web, max: maxLongText},
	{name: "page.referrer", kind: referrer, sources: web, max: maxLongText},

	{name: "device.architecture", kind: text, sources: web, max: maxID},
	{name: "device.bitness", kind: text, sources: web, max: maxID},
	{name: "device.browser_version_list", kind: brands, sources: web, max: maxID},
	{name: "device.mobile", kind: boolean, sources: web},
	{name: "device.model", kind: text, sources: web, max: maxID},
	{name: "device.platform", kind: text, sources: web, max: maxID},
	{name: "device.platform_version", kind: text, sources: web, max: maxID},

	{name: "app.app_id", kind: text, sources: app, required: app, max: maxID},
	{name: "app.app_name", kind: text, sources: app, max: maxID},
	{name: "app.app_version", kind: text, sources: app, max: maxID},

	{name: "properties.contents", kind: contents, sources: everywhere},
	{name: "properties.content_ids", kind: texts, sources: everywhere, max: maxID},
	{name: "properties.content_type", kind: choice, sources: everywhere, choices: words("product product_group")},
	{name: "properties.currency", kind: currency, sources: everywhere},
	{name: "properties.value", kind: number, sources: everywhere},
	{name: "properties.num_items", kind: whole, sources: everywhere},
	{name: "properties.search_string", kind: text, sources: everywhere, max: maxLongText},
	{name: "properties.query", kind: text, sources: everywhere, max: maxLongText},
	{name: "properties.description", kind: text, sources: everywhere, max: maxLongText},
	{name: "properties.order_id", kind: text, sources: everywhere, max: maxID},
	{name: "properties.shop_id", kind: text, sources: everywhere, max: maxID},
	{name: "properties.customer_type", kind: choice, sources: web | app, choices: words("new returning")},
	{name: "properties.status", kind: text, sources: everywhere, max: maxID},
	{name: "properties.delivery_category", kind: choice, sources: everywhere, choices: words("in_store curbside home_delivery")},
	{name: "properties.predicted_ltv", kind: number, sources: everywhere},
	{name: "properties.content_id", kind: text, sources: everywhere, max: maxText},
	{name: "properties.content_name", kind: text, sources: everywhere, max: maxText},
	{name: "properties.content_category", kind: text, sources: everywhere, max: maxText},
	property("brand", text),
	property("price", number), property("quantity", whole),

	// Travel.
	property("city", text), property("region", text), property("country", text),
	property("checkin_date", text), property("checkout_date", text),
	property("num_adults", whole), property("num_children", whole), property("num_infants", whole),
	property("suggested_hotels", texts),
	property("departing_departure_date", text), property("returning_departure_date", text),
	property("departing_arrival_date", text), property("returning_arrival_date", text),
	property("origin_airport", text), property("destination_airport", text), property("destination_ids", texts),
	{name: "properties.travel_class", kind: choice, sources: everywhere, choices: words("eco prem bus first")},
	property("user_score", number), property("preferred_num_stops", whole),
	property("travel_start", text), property("travel_end", text), property("suggested_destinations", texts),

	// Vehicles.
	property("postal_code", text), property("make", text), property("model", text), property("year", whole),
	{name: "properties.state_of_vehicle", kind: choice, sources: everywhere, choices: words("New Used CPO")},
	property("mileage.value", number),
	{name: "properties.mileage.unit", kind: choice, sources: everywhere, choices: words("MI KM"), rider: true},
	property("exterior_color", text), property("interior_color", text),
	{name: "properties.transmission", kind: choice, sources: everywhere, choices: words("Automatic Manual Other")},
	property("body_style", text), property("fuel_type", text), property("drivetrain", text),
	property("preferred_price_range", numbers), property("trim", text),
	{name: "properties.vin", kind: text, sources: everywhere, max: maxVIN},
	property("condition_of_vehicle", text), property("viewcontent_type", text), property("search_type", text),
	property("registration_type", text),

	{name: "ad.callback", kind: text, sources: app, max: maxText},
	{name: "ad.campaign_id", kind: text, sources: app, max: maxID},
	{name: "ad.ad_id", kind: text, sources: app, max: maxID},
	{name: "ad.creative_id", kind: text, sources: app, max: maxID},
	{name: "ad.is_retargeting", kind: boolean, sources: app},
	{name: "ad.attributed", kind: boolean, sources: app},
	{name: "ad.attribution_type", kind: text, sources: app, max: maxID},
	{name: "ad.attribution_provider", kind: text, sources: app, max: maxID},
	{name: "ad.attribution_share", kind: share, sources: web | app},
	{name: "lead.lead_id", kind: text, sources: crm, required: crm, max: maxID},
	{name: "lead.lead_event_source", kind: text, sources: crm, max: maxID},
	{name: "limited_data_use", kind: boolean, sources: limitable},
}

// timeField is not a spec: it is written first, and in seconds.
const timeField = "event_time"

func words(s string) []string { return strings.Fields(s) }

// property is a field of properties with nothing special about it.
func property(name string, k kind) spec {
	return spec{name: "properties." + name, kind: k, sources: everywhere, max: maxText}
}

// specOf finds a field by its name, or nil.
func specOf(name string) *spec {
	for i := range specs {
		if specs[i].name == name {
			return &specs[i]
		}
	}
	return nil
}

// productMembers are the members of a product in properties.contents, in the order they are written.
var productMembers = []struct {
	name string
	kind kind
}{
	{"content_id", text}, {"content_name", text}, {"content_category", text}, {"brand", text},
	{"price", number}, {"quantity", whole}, {"description", text}, {"status", text}, {"content_type", choice},
}

func isProductMember(name string) bool {
	for _, m := range productMembers {
		if m.name == name {
			return true
		}
	}
	return false
}
