package daemon

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// A replay that the page starts has clients of its own; what it sends is on the page and in calls.topic like all else.
func TestOtherWorkOfADaemonRemembersItsCallsWithIt(t *testing.T) {
	c, report := Parse([]byte("calls: {topic: tokrelay.calls}\n"+aroundSync+`
  - {name: a, topic: a, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
      fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Wiring.Close()
	other, err := Wire(c, d.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.Calls.Add(pipeline.Call{Sync: "a", Endpoint: "/event/track/"})
	if got := len(d.Wiring.Calls.Last("a", 10, nil)); got != 1 {
		t.Errorf("the daemon remembers %d calls, want 1", got)
	}
	if d.Wiring.Recorder == nil || other.Recorder != nil {
		t.Error("the topic has to be written by the daemon's recorder, and by no other")
	}
}
