package events

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// matchKeys are the keys by which TikTok may match an event to a person.
type matchKeys uint8

const (
	keyEmail matchKeys = 1 << iota
	keyPhone
	keyClick
	keyIP
	keyAgent
	keyDevice // idfa, gaid, idfv
	keyOther  // external_id, ttp, lead_id
)

// matchKeyOf is the key a field gives, or none.
func matchKeyOf(field string) matchKeys {
	switch field {
	case "user.email":
		return keyEmail
	case "user.phone":
		return keyPhone
	case "user.ttclid", "ad.callback": // the click id of a page, and of an app
		return keyClick
	case "user.idfa", "user.gaid", "user.idfv":
		return keyDevice
	case "user.external_id", "user.ttp", "lead.lead_id":
		return keyOther
	case "user.ip":
		return keyIP
	case "user.user_agent":
		return keyAgent
	}
	return 0
}

// IsMatchKey reports whether TikTok may match an event to a person by the field, such as user.email.
func IsMatchKey(field string) bool { return matchKeyOf(field) != 0 }

// identifying are the keys that satisfy require_identifier; ip and user_agent match only together, and not for sure.
const identifying = keyEmail | keyPhone | keyClick | keyDevice | keyOther

// Metrics count one sync's events.
type Metrics struct {
	rows       *metrics.Rows
	matchKeys  *prometheus.CounterVec
	private    prometheus.Counter
	nearMisses prometheus.Counter
	redacted   *prometheus.CounterVec
	found      *prometheus.CounterVec
}

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer, rows *metrics.Rows) *Metrics {
	return &Metrics{rows: rows,
		matchKeys:  metrics.Counter(reg, "event_match_keys_total", "Events with a match key, by event name; key \"any\" counts all events.", "event", "key"),
		private:    metrics.Counter(reg, "event_private_addresses_total", "Values of user.ip that were left out: no public address.").WithLabelValues(),
		nearMisses: metrics.Counter(reg, "event_name_near_misses_total", "Events sent under a name of your own that is a letter or two from one of TikTok's.").WithLabelValues(),
		redacted:   metrics.Counter(reg, "event_redacted_total", "Values with an e-mail address or a phone number in clear that were redacted or left out, by field.", "field"),
		found:      metrics.Counter(reg, "event_ids_found_total", "Click ids and cookie ids of rows without one that the page's URL or the cookies had, by field.", "field", "from")}
}

func (m *Metrics) privateAddress() {
	if m != nil {
		m.private.Inc()
	}
}

func (m *Metrics) nearMiss() {
	if m != nil {
		m.nearMisses.Inc()
	}
}

// redactionsOf is the counter of a field's redacted values; nil where nothing is counted.
func (m *Metrics) redactionsOf(field string) prometheus.Counter {
	if m == nil {
		return nil
	}
	return m.redacted.WithLabelValues(field)
}

// foundIn is the counter of a field's values that were found elsewhere; nil where nothing is counted.
func (m *Metrics) foundIn(field, from string) prometheus.Counter {
	if m == nil {
		return nil
	}
	return m.found.WithLabelValues(field, from)
}

// keyCounters count an event name's events by the match keys they carry, and among the items of all names.
type keyCounters struct{ items, any, email, phone, click, device, network prometheus.Counter }

// newKeyCounters binds them once per name. Names are a closed list; a custom one counts as "custom".
func newKeyCounters(m *Metrics, name string) keyCounters {
	if m == nil {
		return keyCounters{}
	}
	if sourcesOf(name) == 0 {
		name = "custom"
	}
	of := func(key string) prometheus.Counter { return m.matchKeys.WithLabelValues(name, key) }
	return keyCounters{items: m.rows.Items("event"), any: of("any"), email: of("email"), phone: of("phone"), click: of("ttclid"), device: of("device"), network: of("ip_ua")}
}

// count counts one event that was made; "any" is all events of the name, the whole that the others are a share of.
func (c *keyCounters) count(keys matchKeys) {
	if c.any == nil {
		return
	}
	c.items.Inc()
	c.any.Inc()
	for _, k := range [...]struct {
		key     matchKeys
		counter prometheus.Counter
	}{{keyEmail, c.email}, {keyPhone, c.phone}, {keyClick, c.click}, {keyDevice, c.device}, {keyIP | keyAgent, c.network}} {
		if keys&k.key == k.key {
			k.counter.Inc()
		}
	}
}
