package audiencefile

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shown is a metric of the audience.
func (i *instance) shown(name, id string) (value float64, is bool) {
	i.t.Helper()
	families, err := i.counts.Gather()
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tokrelay_"+name && strings.Contains(m.String(), `"`+id+`"`) {
				return m.GetGauge().GetValue(), true
			}
		}
	}
	return 0, false
}

func TestWhenTheAudienceExpiresIsShownByEveryInstanceFromItsStartOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		<-time.After(2 * time.Hour)
		if s, err := w.instance(tempDir(t)).Settle(t.Context()); s != Usable {
			t.Fatalf("got %q, %v", s, err)
		}
		i := w.instance(tempDir(t)) // started again; its next upload is a night away
		defer i.serving()()
		<-time.After(time.Minute)
		synctest.Wait()
		a, _ := w.held()
		at, is := i.shown("audience_expiry_timestamp_seconds", a.ID)
		if want := time.Now().Add(-2*time.Hour-time.Minute).AddDate(1, 0, -1).Unix(); !is || int64(at) != want { // 2000 is a leap year
			t.Errorf("got %v, %v; want the end of the 365 days after the upload, %d", at, is, want)
		}
		if n, is := i.shown("audience_covered", a.ID); !is || n != 1200 {
			t.Errorf("got %v, %v matched, want 1200", n, is)
		}
	})
}

func TestANewAudienceIsOfTheConfiguredKindAndLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"retention_in_days: 30\nsub_type: reach_frequency\n")
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		w.people(1200, 1300)
		<-time.After(25 * time.Hour)
		i.upload(Uploaded, Options{}) // a replace, next to which TikTok would ignore a kind
		a := w.api().Get(t.Context(), "/dmp/custom_audience/list/", url.Values{"advertiser_id": {i.deps.Advertiser}})
		if !strings.Contains(string(a.Body), `"audience_sub_type":"REACH_FREQUENCY"`) || !strings.Contains(string(a.Body), `"expired_time":"2000-01-31 `) {
			t.Errorf("TikTok holds %s, want an audience for Reach & Frequency until 31 January", a.Body)
		}
		w.holdsTheTable()
	})
}

func TestAnExpiredAudienceIsToldWithTheCommandAndMadeAgainOnceItIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"retention_in_days: 2\n")
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		defer i.serving()()
		<-time.After(48*time.Hour - time.Minute)
		synctest.Wait()
		if troubles := i.status.Troubles("lapsed"); len(troubles) > 0 {
			t.Errorf("got troubles %v before it has expired", troubles)
		}
		<-time.After(time.Hour + time.Minute)
		synctest.Wait()
		a, _ := w.held()
		told := i.status.Troubles("lapsed")
		if len(told) == 0 || !told[0].Stop || !strings.Contains(told[0].What, "audience "+a.ID+" expired at TikTok on 2000-01-03") ||
			!strings.Contains(told[0].What, "`tokrelay audience delete --sync lapsed --although-filled`") {
			t.Errorf("within an hour: got troubles %v, want the audience, the day and the command", told)
		}
		w.people(1200, 1300)
		<-time.After(6 * time.Hour) // the night's upload has been refused
		w.api().Post(t.Context(), "/dmp/custom_audience/delete/", fmt.Appendf(nil, `{"advertiser_id":%q,"custom_audience_ids":[%q]}`, i.deps.Advertiser, a.ID))
		<-time.After(2*time.Hour + time.Minute)
		synctest.Wait()
		w.holdsTheTable()
		if now, _ := w.held(); now.ID == a.ID {
			t.Error("the audience is the expired one still")
		}
		if troubles := i.status.Troubles("lapsed"); len(troubles) > 0 {
			t.Errorf("got troubles %v once it is made again", troubles)
		}
		if _, is := i.shown("audience_expiry_timestamp_seconds", a.ID); is {
			t.Error("the audience that is gone still expires in the metrics")
		}
	})
}

func TestAnExpiredAudienceOfTheNameIsNotFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"retention_in_days: 2\n")
		w.people(0, 1200)
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		w.state = &stateTopic{} // what was uploaded is forgotten
		<-time.After(49 * time.Hour)
		if m := w.instance(tempDir(t)).upload(Uploaded, Options{}); m.Action != actionCreate {
			t.Errorf("got %s, want another audience made", m.Action)
		}
		if n := len(w.tiktok.Audiences()); n != 2 {
			t.Errorf("got %d audiences, want the expired one and a new one", n)
		}
	})
}
