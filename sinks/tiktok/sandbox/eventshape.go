package sandbox

import (
	"bytes"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

type rules = map[string]func(*check, value)

// The documented shape of an Events API 2.0 request. "!" marks required fields.

var trackShape = shape(UnknownField, rules{
	"event_source!":    eventSource,
	"event_source_id!": filled,
	"data!":            events,
	"test_event_code":  text,
	"partner_name":     partner,
})

var eventShape = shape(UnknownField, rules{
	"event!":           eventName,
	"event_time!":      eventTime,
	"event_id":         inClear,
	"user":             user,
	"properties":       properties,
	"page":             page,
	"app":              app,
	"ad":               only(ad, "app", "web"),
	"device":           only(device, "web"),
	"lead":             lead,
	"limited_data_use": only(boolean, "app", "web"),
})

var userShape = shape(UnknownField, rules{
	"email":       hashedList,
	"phone":       hashedList,
	"external_id": only(hashedList, "web", "crm"),
	"ttclid":      only(text, "web"),
	"ttp":         only(text, "web"),
	"ip":          only(address, "web", "app"),
	"user_agent":  only(text, "web", "app"),
	"locale":      only(text, "web", "app"),
	"idfa":        only(hashedOr(bytes.ToUpper), "app"),
	"gaid":        only(hashedOr(bytes.ToLower), "app"),
	"idfv":        only(text, "app"),
	"att_status":  only(mostly("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE"), "app"),
	"first_name":  hashed,
	"last_name":   hashed,
	"zip_code":    hashed,
	"city":        text,
	"state":       text,
	"country":     text,
})

var pageShape = shape(UnknownField, rules{"url": webAddress, "referrer": inClear})

var appShape = shape(UnknownField, rules{"app_id": filled, "app_name": text, "app_version": text})

var leadShape = shape(UnknownField, rules{"lead_id": filled, "lead_event_source": text})

var adShape = shape(UnknownField, rules{
	"callback": ofApps(text), "campaign_id": ofApps(text), "ad_id": ofApps(text), "creative_id": ofApps(text),
	"is_retargeting": ofApps(boolean), "attributed": ofApps(boolean),
	"attribution_type": ofApps(text), "attribution_provider": ofApps(text), "attribution_share": share,
})

// deviceShape is what a browser says of itself when it is asked. Of their types the documents say nothing: the two that are no texts take
// anything.
var deviceShape = shape(UnknownField, rules{
	"architecture": text, "bitness": text, "browser_version_list": anything, "mobile": anything, "model": text,
	"platform": text, "platform_version": text,
})

var contentShape = shape(UnknownProperty, rules{
	"content_id": inClear, "price": amount, "quantity": count,
	"content_category": text, "content_name": inClear, "brand": text,
	"content_type": mostly("product", "product_group"), "description": text, "status": text,
})

// propertyShape holds the documented properties, and those of travel and vehicles that connectors send.
var propertyShape = shape(UnknownProperty, rules{
	"content_ids": texts, "contents": contents, "content_type": oneOf("product", "product_group"),
	"currency": currency, "value": amount, "num_items": count, "predicted_ltv": amount,
	"search_string": inClear, "query": inClear, "description": inClear, "order_id": inClear, "shop_id": inClear, "status": text,
	"customer_type":     only(mostly("new", "returning"), "web", "app"),
	"delivery_category": mostly("in_store", "curbside", "home_delivery"),

	"content_id": inClear, "content_name": inClear, "content_category": text, "brand": text, "price": amount, "quantity": count,

	"city": text, "region": text, "country": text, "checkin_date": text, "checkout_date": text,
	"num_adults": count, "num_children": count, "num_infants": count, "suggested_hotels": texts,
	"departing_departure_date": text, "returning_departure_date": text,
	"departing_arrival_date": text, "returning_arrival_date": text,
	"origin_airport": text, "destination_airport": text, "destination_ids": texts, "suggested_destinations": texts,
	"travel_class": mostly("eco", "prem", "bus", "first"), "travel_start": text, "travel_end": text,
	"user_score": anything, "preferred_num_stops": anything,

	"postal_code": text, "make": text, "model": text, "year": integer,
	"state_of_vehicle": mostly("New", "Used", "CPO"), "mileage": anything, "exterior_color": text, "interior_color": text,
	"transmission": mostly("Automatic", "Manual", "Other"), "body_style": text, "fuel_type": text, "drivetrain": text,
	"preferred_price_range": anything, "trim": text, "vin": text, "condition_of_vehicle": text,
	"viewcontent_type": text, "search_type": text, "registration_type": text,
})

func user(c *check, v value)       { c.object(v, userShape) }
func ad(c *check, v value)         { c.object(v, adShape) }
func device(c *check, v value)     { c.object(v, deviceShape) }
func properties(c *check, v value) { c.object(v, propertyShape) }
func contents(c *check, v value)   { c.list(v, content) }
func content(c *check, v value)    { c.object(v, contentShape) }

func eventSource(c *check, v value) {
	if !slices.Contains([]string{"web", "app", "offline", "crm"}, string(v.text())) || v.kind() != jsontext.String {
		c.wrong(stageTypes, codeParameter, "Must be web, app or offline.")
	}
}

func partner(c *check, v value) {
	text(c, v)
	c.warn(PartnerName)
}

// ofApps is only for app events.
func ofApps(rule func(*check, value)) func(*check, value) { return only(rule, "app") }

// only warns where a field is sent with an event_source it does not apply to.
func only(rule func(*check, value), sources ...string) func(*check, value) {
	applies := set("")
	for _, s := range sources {
		applies[s] = true
	}
	return func(c *check, v value) {
		if c.source != "" && !applies[c.source] {
			c.warn(WrongSource)
		}
		rule(c, v)
	}
}
