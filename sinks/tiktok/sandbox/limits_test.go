package sandbox

import (
	"net/http"
	"testing"
	"time"
)

func TestRateLimitsAndTheirRecovery(t *testing.T) {
	second := func(n int) Limits { return Limits{Events: Quota{n, -1, -1}} }
	cases := []struct {
		name   string
		limits Limits
		steps  []time.Duration // advance before each call
		want   []int
	}{
		{"a second clears with the next", second(2), []time.Duration{0, 0, 0, 999 * time.Millisecond, time.Millisecond}, []int{0, 0, 40100, 40100, 0}},
		{"a minute blocks for five", Limits{Events: Quota{-1, 2, -1}}, []time.Duration{0, 0, 0, 2 * time.Minute, 3*time.Minute - time.Second, time.Second}, []int{0, 0, 40100, 40100, 40100, 0}},
		{"a day blocks until midnight UTC", Limits{Events: Quota{-1, -1, 2}}, []time.Duration{0, 0, 0, 11 * time.Hour, time.Hour - time.Second, time.Second}, []int{0, 0, 40100, 40100, 40100, 0}},
		{"one pixel", Limits{Pixel: Quota{1, -1, -1}}, []time.Duration{0, 0, time.Second}, []int{0, 40132, 0}},
		{"off", Limits{Events: Unlimited()}, []time.Duration{0, 0, 0}, []int{0, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{Now: fixed, Limits: c.limits, MaxEventAge: -1})
			for i, step := range c.steps {
				s.Advance(step)
				post(t, s, "/event/track/", web(ev())).want(t, c.want[i])
			}
		})
	}
}

func TestTheDocumentedLimits(t *testing.T) {
	get := func(path string) func(*testing.T, *Sandbox) reply {
		return func(t *testing.T, s *Sandbox) reply { return send(t, s, http.MethodGet, base+path, "") }
	}
	events := func(t *testing.T, s *Sandbox) reply { return post(t, s, "/event/track/", web(ev())) }
	mapping := func(t *testing.T, s *Sandbox) reply { return post(t, s, "/segment/mapping/", "{}") }
	cases := []struct {
		name string
		tier Tier
		call func(*testing.T, *Sandbox) reply
		want int // calls in one second
	}{
		{"events", "", events, 1000},
		{"segments", "", mapping, 50},
		{"the app at Basic", "", get("/user/info/"), 10},
		{"the app at Advanced", Advanced, get("/user/info/"), 20},
		{"the app at Premium", Premium, get("/user/info/"), 30},
		{"the app at Ultimate", Ultimate, get("/user/info/"), 50},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{Now: fixed, Apps: []App{{ID: "1", Secret: "s", Tier: c.tier}}})
			taken := 0
			for c.call(t, s).Code != 40100 {
				taken++
			}
			if taken != c.want {
				t.Errorf("got %d calls in a second, want %d", taken, c.want)
			}
		})
	}
}

func TestEndpointsWithTheirOwnLimitLeaveTheAppsAlone(t *testing.T) {
	s := New(Config{Now: fixed, Limits: Limits{App: Quota{1, -1, -1}, Events: Quota{1, -1, -1}}})
	post(t, s, "/event/track/", web(ev())).want(t, 0)
	post(t, s, "/event/track/", web(ev())).want(t, 40100, "Too many requests. Please retry in some time.")
	send(t, s, http.MethodGet, base+"/user/info/", "").want(t, 0)
	send(t, s, http.MethodGet, base+"/pixel/list/?advertiser_id="+DefaultAdvertiser, "").want(t, 40100)
}

func TestAnAdvertiserHasItsOwnLimit(t *testing.T) {
	cfg := Config{Now: fixed, Limits: NoLimits(), Advertisers: []Advertiser{{ID: "1"}, {ID: "2"}}}
	cfg.Limits.Advertiser = Quota{1, -1, -1}
	s := New(cfg)
	for id, n := range map[string]int{"1": 0, "2": 0} {
		post(t, s, "/segment/audience/", `{"advertiser_id":"`+id+`","custom_audience_name":"a"}`).want(t, n)
		post(t, s, "/segment/audience/", `{"advertiser_id":"`+id+`","custom_audience_name":"a"}`).want(t, 40133,
			"Advertiser ("+id+")'s QPS (2) reaches QPS limit 1 for current path, request is temporarily restricted.")
		send(t, s, http.MethodGet, base+"/dmp/custom_audience/list/?advertiser_id="+id, "").want(t, 40133)
		post(t, s, "/segment/mapping/", `{"advertiser_ids":["`+id+`"]}`).want(t, 40133)
	}
}
