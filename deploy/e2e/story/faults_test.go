//go:build e2e

package story

import (
	"fmt"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const pixel = sandbox.DefaultPixel

// faultSyncs are web events and an audience over the tables of faults.sql.
const faultSyncs = `
  - name: events
    topic: %[1]s.%[1]s.events
    out_of_range: ${OUT_OF_RANGE:-earliest}
    on: {insert: send, snapshot: send}
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: event_name}
      event_id: event_id
      fields:
        event_time: occurred_at
        user.email: email
        page.url: {value: "https://shop.example/"}
        properties.value: value
        properties.currency: currency
      batch: {max_events: 50}
  - name: people
    topic: %[1]s.%[1]s.people
    audience_segment:
      audience: {name: People}
      identifiers: {EMAIL_SHA256: email}
      member_when: opted_in
      batch: {max_users: 50, linger: 100ms}
`

// flow is rows on their way from the tables of faults.sql to a TikTok that takes its time, so that a fault always meets
// something under way.
type flow struct {
	*relay
	source *source
	parts  int
	before int64 // events TikTok held before the newest day
}

// newFlow makes tables, connector and configuration; each test has its own.
func newFlow(t *testing.T, name string, o options) *flow {
	t.Helper()
	name += "_" + run
	f := &flow{relay: newRelay(t, name, fmt.Sprintf(faultSyncs+o.syncs, name), o), source: newSource(t, name, "faults.sql")}
	f.topics["events"] = []string{name + "." + name + ".events"}
	f.topics["people"] = []string{name + "." + name + ".people"}
	f.tiktok.AddFault(sandbox.Fault{Delay: 30 * time.Millisecond})
	f.source.connect(t, "envelope.json", name)
	t.Cleanup(func() { f.source.disconnect(t) })
	return f
}

// day writes a day's changes.
func (f *flow) day() {
	f.t.Helper()
	f.parts++
	f.before = f.tiktok.Stats().Events.Accepted
	f.source.exec(f.t, fmt.Sprintf("SELECT day(%d, 1500)", f.parts))
}

// underWay waits until TikTok holds some of the newest day.
func (f *flow) underWay() {
	f.t.Helper()
	until(f.t, "events are under way", func() bool { return f.tiktok.Stats().Events.Accepted > f.before })
}

// streaming waits until the audience has members: its owners work.
func (f *flow) streaming() {
	f.t.Helper()
	until(f.t, "the audience has members", func() bool {
		for _, a := range f.tiktok.Audiences() {
			if a.Name == "People" && a.Members > 0 {
				return true
			}
		}
		return false
	})
}

const sqlMembers = `SELECT encode(sha256(convert_to(lower(trim(email)), 'UTF8')), 'hex') FROM people WHERE opted_in`

// laws are what holds after every fault: nothing is lost, nothing good is dead-lettered, and TikTok holds what SQL says.
func (f *flow) laws() {
	f.t.Helper()
	f.source.written(f.t)
	f.caughtUp()
	same(f.t, "events", f.events(pixel), f.source.rows(f.t, "SELECT event_id FROM events WHERE fault IS NULL"))
	same(f.t, "rejected events", f.rejected("events"), f.source.rows(f.t, "SELECT id || ' ' || fault FROM events WHERE fault IS NOT NULL"))
	same(f.t, "members", f.members("People", "EMAIL_SHA256"), f.source.rows(f.t, sqlMembers))
	same(f.t, "rejected people", f.rejected("people"), nil)
	f.noneFailed()
}
