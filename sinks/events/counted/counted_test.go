package counted_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/events/counted"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// documents are what instances share.
type documents struct {
	all  map[string][]byte
	fail error
}

func (d *documents) Refresh(context.Context) error { return nil }

func (d *documents) Get(key string) ([]byte, bool) { doc, ok := d.all[key]; return doc, ok }

func (d *documents) Keys(prefix string) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(d.all)) {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (d *documents) Put(_ context.Context, key string, doc []byte) error {
	if d.fail != nil {
		return d.fail
	}
	if d.all[key] = doc; doc == nil {
		delete(d.all, key)
	}
	return nil
}

// scene is a TikTok that counts, and instances that send to it.
type scene struct {
	*testing.T
	docs   *documents
	box    *sandbox.Sandbox
	client *tiktok.Client
	sent   int // events, for their ids
}

const advertiser = sandbox.DefaultAdvertiser

func newScene(t *testing.T) *scene {
	box := sandbox.New(sandbox.Config{Now: time.Now, Limits: sandbox.NoLimits(), AllowAnyName: true})
	return &scene{t, &documents{all: map[string][]byte{}}, box,
		tiktok.NewOver(settings.WithDefaults(tiktok.Config{}), tiktok.FixedToken(sandbox.DefaultToken), box.Transport()), 0}
}

func (s *scene) instance() *counted.Sent {
	return counted.NewSent(s.docs, time.Now, slog.New(slog.DiscardHandler))
}

func (s *scene) accounts() []counted.Account {
	return []counted.Account{{API: s.client, Advertiser: advertiser, Syncs: []string{"web", "shop"}}}
}

const (
	web     = `"event_source":"web","event_source_id":"` + sandbox.DefaultPixel + `"`
	offline = `"event_source":"offline","event_source_id":"` + sandbox.DefaultOfflineSet + `"`
)

// send sends events with these names in one call, and counts them as delivery has them counted.
func (s *scene) send(of *counted.Sent, sync, envelope string, names ...string) {
	var bodies [][]byte
	for _, name := range names {
		s.sent++
		bodies = append(bodies, fmt.Appendf(nil, `{"event":%q,"event_time":%d,"event_id":"e-%d","page":{"url":"https://shop.example/"},"user":{"ttclid":"c"}}`, name, time.Now().Unix(), s.sent))
	}
	call := append(append([]byte("{"+envelope+`,"data":[`), bytes.Join(bodies, []byte(","))...), "]}"...)
	if a := s.client.Post(s.Context(), "/event/track/", call); !a.IsAccepted() {
		s.Fatalf("send: %s", a.Message)
	}
	of.Of(sync)(envelope, slices.Values(bodies))
}

func (s *scene) write(all ...*counted.Sent) {
	for _, of := range all {
		if err := of.Write(s.Context()); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *scene) compare(days int) *counted.Comparison {
	c, err := counted.Compare(s.Context(), s.docs, s.accounts(), time.Now(), counted.Days(time.Now(), days))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// lines are a comparison's as text: day, source, event, sent, TikTok's total and attributed.
func lines(c *counted.Comparison) (list []string) {
	for _, l := range c.Lines {
		text := fmt.Sprintf("%s %s %s sent %d", l.Day, l.Source, l.Event, l.Sent)
		if l.Counted != nil {
			text += fmt.Sprintf(" counted %d attributed %d", l.Counted.Total, l.Counted.Attributed)
		}
		list = append(list, text)
	}
	return list
}

func (s *scene) want(got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }

func TestWhatInstancesSentIsSetAgainstWhatTikTokCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		one, two := s.instance(), s.instance()
		s.send(one, "web", web, "Purchase", "Purchase", "AddToCart", "Purchase", "CompletePayment")
		s.send(two, "shop", web, "Purchase", "Spun_The_Wheel")
		s.box.Browser(sandbox.BrowserEvents{Pixel: sandbox.DefaultPixel, Event: "Purchase", Count: 7, Attributed: 2})
		s.box.Browser(sandbox.BrowserEvents{Pixel: sandbox.DefaultPixel, Event: "ViewContent", Count: 3})
		s.write(one, two)
		c := s.compare(2)
		s.want(lines(c),
			today()+" "+sandbox.DefaultPixel+" AddToCart sent 1 counted 1 attributed 0",
			today()+" "+sandbox.DefaultPixel+" Purchase sent 5 counted 12 attributed 2",
			today()+" "+sandbox.DefaultPixel+" Spun_The_Wheel sent 1 counted 1 attributed 0")
		if got := c.Lines[1].BySync; got["web"] != 4 || got["shop"] != 1 {
			t.Errorf("Purchase by sync: %v", got)
		}
		c.Only("shop")
		s.want(lines(c),
			today()+" "+sandbox.DefaultPixel+" Purchase sent 5 counted 12 attributed 2",
			today()+" "+sandbox.DefaultPixel+" Spun_The_Wheel sent 1 counted 1 attributed 0")
	})
}

func TestARestartLosesNoCountAndRepeatsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		before := s.instance()
		s.send(before, "web", web, "Purchase", "Purchase")
		s.write(before)
		s.write(before) // and once more: its document is replaced, not added to
		s.send(before, "web", web, "Purchase")
		before.Close()
		after := s.instance()
		s.send(after, "web", web, "Purchase")
		s.write(after)
		s.want(lines(s.compare(1)), today()+" "+sandbox.DefaultPixel+" Purchase sent 4 counted 4 attributed 0")
	})
}

func TestADayEndsAtMidnightUTC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web, "Purchase")
		first := today()
		time.Sleep(24 * time.Hour)
		s.send(of, "web", web, "Purchase", "Purchase")
		s.write(of)
		s.want(lines(s.compare(2)),
			today()+" "+sandbox.DefaultPixel+" Purchase sent 2 counted 2 attributed 0",
			first+" "+sandbox.DefaultPixel+" Purchase sent 1 counted 1 attributed 0")
	})
}

func TestTikTokCountsPixelsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", offline, "Purchase")
		s.write(of)
		c := s.compare(1)
		s.want(lines(c), today()+" "+sandbox.DefaultOfflineSet+" Purchase sent 1")
		s.want(c.Problems)
	})
}

func TestTestEventsAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web+`,"test_event_code":"TEST1"`, "Purchase")
		s.write(of)
		s.want(lines(s.compare(1)))
	})
}

func TestACountThatCannotBeWrittenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web, "Purchase")
		s.docs.fail = errors.New("Kafka is away")
		if err := of.Write(t.Context()); err == nil {
			t.Error("the failure is not told")
		}
		s.docs.fail = nil
		s.write(of)
		s.want(lines(s.compare(1)), today()+" "+sandbox.DefaultPixel+" Purchase sent 1 counted 1 attributed 0")
	})
}

func TestWhatTikTokDoesNotAnswerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web, "Purchase")
		s.write(of)
		s.box.AddFault(sandbox.Fault{Endpoint: "/pixel/event/stats/", Code: 40001, Message: "Permission error"})
		c := s.compare(1)
		s.want(lines(c), today()+" "+sandbox.DefaultPixel+" Purchase sent 1")
		if len(c.Problems) != 1 || !strings.Contains(c.Problems[0], "advertiser "+advertiser+": TikTok's count could not be read: statistics of "+today()) {
			t.Errorf("got problems %q", c.Problems)
		}
	})
}

func TestAPixelOfNobodyAndAnAccountWithoutAdvertiserAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		of.Of("web")(`"event_source":"web","event_source_id":"CGONE"`, slices.Values([][]byte{[]byte(`{"event":"Purchase"`)}))
		s.write(of)
		for _, c := range []struct{ advertiser, want string }{
			{advertiser, "advertiser " + advertiser + " has no pixel CGONE: TikTok gives no count of it"},
			{"", "pixel CGONE: the connection has no advertiser_id: TikTok is not asked what it counts"},
		} {
			accounts := []counted.Account{{API: s.client, Advertiser: c.advertiser, Syncs: []string{"web"}}}
			got, err := counted.Compare(t.Context(), s.docs, accounts, time.Now(), counted.Days(time.Now(), 1))
			if err != nil {
				t.Fatal(err)
			}
			s.want(got.Problems, c.want)
			s.want(lines(got), today()+" CGONE Purchase sent 1")
		}
	})
}

func TestNamesBeyondAHandfulCountTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		for n := range 2000 {
			of.Of("web")(web, slices.Values([][]byte{fmt.Appendf(nil, `{"event":"Event_%d"`, n)}))
		}
		s.write(of)
		sum, names := int64(0), 0
		for _, l := range s.compare(1).Lines {
			sum += l.Sent
			names++
		}
		if sum != 2000 || names > 501 {
			t.Errorf("%d lines with %d events, want 2000 in at most 501", names, sum)
		}
	})
}

// gauges are tokrelay_events_counted by its labels.
func gauges(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			words := []string{f.GetName()}
			for _, l := range m.Label {
				words = append(words, l.GetValue())
			}
			values[strings.Join(words, " ")] = m.GetGauge().GetValue()
		}
	}
	return values
}

func TestMetricsShowTheNewestDayThatHasBeenOverForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web, "Purchase", "Purchase", "Spun_The_Wheel")
		s.box.Browser(sandbox.BrowserEvents{Pixel: sandbox.DefaultPixel, Event: "Purchase", Count: 4, Attributed: 3})
		s.write(of)
		time.Sleep(48 * time.Hour)
		s.send(of, "web", web, "Purchase")
		s.write(of)
		reg := prometheus.NewRegistry()
		back := counted.NewReadback(s.docs, s.accounts(), time.Now, reg, slog.New(slog.DiscardHandler))
		if problem := back.Read(t.Context()); problem != "" {
			t.Fatal(problem)
		}
		got := gauges(t, reg)
		for series, want := range map[string]float64{"Purchase sent": 2, "Purchase total": 6, "Purchase server": 2, "Purchase browser": 4, "Purchase attributed": 3, "custom sent": 1} {
			name, what, _ := strings.Cut(series, " ")
			if n := got["tokrelay_events_counted "+name+" "+sandbox.DefaultPixel+" "+what]; n != want {
				t.Errorf("%s: got %v, want %v", series, n, want)
			}
		}
		if got["tokrelay_events_counted_timestamp_seconds"] == 0 {
			t.Error("the time of reading is not shown")
		}
	})
}

func TestReadingGoesOnAndForgetsOldDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		of := s.instance()
		s.send(of, "web", web, "Purchase")
		s.write(of)
		ctx, stop := context.WithCancel(t.Context())
		back := counted.NewReadback(s.docs, s.accounts(), time.Now, nil, slog.New(slog.DiscardHandler))
		done := make(chan struct{})
		go func() { defer close(done); back.Run(ctx) }()
		s.box.AddFault(sandbox.Fault{Endpoint: "/pixel/list/", Code: 50000, Count: 1})
		time.Sleep(3 * time.Minute)
		if c := back.Last(); c == nil || len(c.Problems) != 1 {
			t.Errorf("the first reading: %+v, want one with a problem", c)
		}
		time.Sleep(16 * time.Minute)
		if c := back.Last(); len(c.Problems) != 0 || len(c.Lines) != 1 {
			t.Errorf("the second reading, soon after: %+v", c)
		}
		time.Sleep(37 * 24 * time.Hour)
		stop()
		<-done
		if keys := s.docs.Keys(""); len(keys) != 0 {
			t.Errorf("still kept after 37 days: %v", keys)
		}
	})
}
