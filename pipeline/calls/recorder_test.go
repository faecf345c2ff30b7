package calls

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var errLarge = errors.New("too large")

func newTestRecorder(produce func(context.Context, []pipeline.Record) []error) *Recorder {
	return NewRecorder(settings.WithDefaults(Config{Topic: "calls", Rate: 1 << 20}), RecorderDeps{Instance: "a", Ensure: func(context.Context) error { return nil }, Produce: produce,
		TooLarge: func(err error) bool { return errors.Is(err, errLarge) }, Log: slog.New(slog.DiscardHandler)})
}

func TestWhereKafkaStandsStillCallsAreDroppedAndCountedAndNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []*Entry
		stuck, free := true, make(chan struct{})
		r := newTestRecorder(func(_ context.Context, records []pipeline.Record) []error {
			if stuck {
				stuck = false
				<-free
			}
			for i := range records {
				e, err := read(&records[i])
				if err != nil {
					t.Error(err)
				}
				got = append(got, e)
			}
			return make([]error, len(records))
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		l := New(Limits{Total: 12 << 20, MaxRequest: 8 << 20}, asItIs)
		l.Tell(r.Offer)
		began := time.Now()
		for range 100 {
			l.Add(refused("orders", 100_000))
		}
		<-time.After(time.Second)
		l.Add(refused("orders", 4<<20-10_000)) // now the buffer has no room for even this one
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("adding calls waited %v", waited-time.Second)
		}
		dropped := r.Dropped()
		if dropped < 40 || dropped > 80 {
			t.Errorf("%d calls of 10 MB were dropped, the buffer has 4 MiB", dropped)
		}
		close(free)
		<-time.After(time.Minute)
		l.Add(refused("orders", 10))
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		missed := int64(0)
		for _, e := range got {
			missed += e.Origin.Missed
		}
		if int64(len(got))+dropped != 102 || missed != dropped {
			t.Errorf("%d calls written, %d dropped, %d told; want 102 in all, and all told", len(got), dropped, missed)
		}
	})
}

func TestACallTheTopicDoesNotTakeIsWrittenByItsFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last *Entry
		r := newTestRecorder(func(_ context.Context, records []pipeline.Record) []error {
			if len(records[0].Value) > 2000 {
				return []error{errLarge}
			}
			last, _ = read(&records[0])
			return []error{nil}
		})
		ctx, stop := context.WithCancel(t.Context())
		go r.Run(ctx)
		c := refused("orders", 0)
		c.Request, c.Answer.Message = []byte(`{"data":["`+strings.Repeat("x", 3000)+`"]}`), "too much"
		r.Offer(&Entry{Number: 5, Call: c})
		<-time.After(time.Second)
		stop()
		synctest.Wait()
		if last == nil || !last.Brief || last.Answer.Message != "too much" || r.Dropped() != 0 {
			t.Errorf("written %+v, %d dropped; want the figures", last, r.Dropped())
		}
	})
}

func TestOfVeryManyGoodCallsTheTopicHasFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRecorder(nil)
		for range 100 {
			r.Offer(&Entry{Call: call("orders", 100_000)})
		}
		whole := 0
		for _, o := range r.waiting {
			if !o.entry.Brief {
				whole++
			}
		}
		if whole != 20 || len(r.waiting) != 100 {
			t.Errorf("%d calls wait, %d whole; want 100, and 20 whole: two seconds' bytes", len(r.waiting), whole)
		}
	})
}

func TestATopicThatCannotBeMadeIsAskedForAgainAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := newTestRecorder(func(_ context.Context, records []pipeline.Record) []error { return make([]error, len(records)) })
		r.deps.Ensure = func(context.Context) error {
			if tries++; tries < 4 {
				return errors.New("not allowed")
			}
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		go r.Run(ctx)
		r.Offer(&Entry{Call: call("orders", 10)})
		<-time.After(5 * time.Second)
		if r.Problem() != "not allowed" {
			t.Errorf("problem %q", r.Problem())
		}
		<-time.After(time.Minute)
		stop()
		synctest.Wait()
		if r.Problem() != "" || tries != 4 || len(r.waiting) != 0 {
			t.Errorf("problem %q after %d tries, %d calls wait", r.Problem(), tries, len(r.waiting))
		}
	})
}

func TestWhatIsMaskedIsTheValueAlone(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"values in clear", `{"ip": "1.2.3.4" ,"n":1}`, `{"ip": "[masked]" ,"n":1}`},
		{"a quote inside", `{"user_agent":"a\"ip\":\"b\\","email":"x"}`, `{"user_agent":"[masked]","email":"x"}`},
		{"ids of a device and a click, in an app event", `{"idfv":"E621","idfa":"ab","ad":{"callback":"c","ad_id":"1"}}`, `{"idfv":"[masked]","idfa":"ab","ad":{"callback":"[masked]","ad_id":"1"}}`},
		{"a list", `{"ttp":["a","b"],"id":"c"}`, `{"ttp":["[masked]","[masked]"],"id":"c"}`},
		{"URLs keep their path", `{"url":"https://a/b?c=d","referrer":"https://a/b"}`, `{"url":"https://a/b?[masked]","referrer":"https://a/b"}`},
		{"a name as a value", `{"event":"ip","ip":""}`, `{"event":"ip","ip":"[masked]"}`},
		{"cut off", `{"ip":"1.2.3`, `{"ip":"[masked]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(Mask([]byte(c.in))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
