package audiencefile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// looksLike has TikTok say of the audience what is given, as the members of a JSON object.
func (s *texts) looksLike(details, history string) {
	s.say(func(endpoint string) (int, string) {
		if !strings.HasSuffix(endpoint, "/get/") {
			return 0, ""
		}
		return 200, fmt.Sprintf(fine, `{"list":[{"audience_details":{"audience_id":"9","type":"Customer File Audience","is_creator":true,`+details+
			`},"audience_history":[`+history+`]}]}`)
	})
}

// A failed upload leaves what TikTok held before: the next one is compared with that, however often uploads fail.
func TestAFailedUploadDoesNotSwitchTheShrinkGuardOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tt := newWorld(t, plainConfig), &texts{}
		w.people(0, 3000)
		i := w.instance(tempDir(t))
		i.deps.API = tt
		i.upload(Uploaded, Options{})
		for n := range 2 {
			<-time.After(25 * time.Hour)
			w.people(3000+n, 3001+n)
			i.upload(Uploaded, Options{})
			<-time.After(time.Hour)
			tt.looksLike(`"is_valid":true,"cover_num":3000,"error_msg":"Something broke."`, "")
			if s, err := i.Settle(t.Context()); s != Failed || err != nil {
				t.Fatalf("got %q, %v, want the upload failed", s, err)
			}
			tt.say(nil)
		}
		<-time.After(25 * time.Hour)
		for k := range 2000 {
			w.topic.write(w.topic.key(k), "")
		}
		if m := i.upload(Shrunk, Options{}); m.Members != 1002 || m.Previous != 3000 {
			t.Errorf("got %d members after %d, want 1002 after the 3000 that TikTok could use", m.Members, m.Previous)
		}
		if tt.made != 3 {
			t.Errorf("TikTok took %d changes, want the 3 before the set shrank", tt.made)
		}
		m := i.upload(Uploaded, Options{Force: true})
		if m.Added != 2 || m.Removed != 2000 || !m.Compared {
			t.Errorf("got %d added, %d removed; want 2 and 2000, against the upload that TikTok could use", m.Added, m.Removed)
		}
	})
}

func TestAnUploadThatFailedIsMadeAgainThoughNothingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tt := newWorld(t, plainConfig), &texts{}
		w.people(0, 1500)
		i := w.instance(tempDir(t))
		i.deps.API = tt
		i.upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		w.people(1500, 1501)
		for range 2 {
			i.upload(Uploaded, Options{})
			<-time.After(25 * time.Hour)
			tt.looksLike(`"is_valid":true,"cover_num":3000,"error_msg":"Something broke."`, "")
			if s, err := i.Settle(t.Context()); s != Failed || err != nil {
				t.Fatalf("got %q, %v, want the upload failed", s, err)
			}
			tt.say(nil)
		}
	})
}

func TestAnUploadThatIsTakenInPartIsUsableWithARemark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tt := newWorld(t, plainConfig), &texts{}
		w.people(0, 1500)
		i := w.instance(tempDir(t))
		i.deps.API = tt
		i.upload(Uploaded, Options{})
		<-time.After(time.Hour)
		at := time.Now().UTC().Format(time.DateTime)
		line := fmt.Sprintf(`{"action":"create","opt_time":%q,"msg":"12 rows could not be parsed: jo@example.com"}`, at)
		tt.looksLike(`"is_valid":false,"cover_num":0`, line)
		if s, err := i.Settle(t.Context()); s != "" || err != nil {
			t.Errorf("got %q, %v while TikTok processes it, want no outcome yet", s, err)
		}
		tt.looksLike(`"is_valid":true,"cover_num":1400`, line)
		if s, err := i.Settle(t.Context()); s != Usable || err != nil {
			t.Errorf("got %q, %v, want it usable", s, err)
		}
		list, err := Manifests(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience)
		if err != nil || len(list) != 1 || list[0].Settled != Usable || list[0].Covered != 1400 || !strings.Contains(list[0].Remark, "12 rows could not be parsed") {
			t.Errorf("got %+v, %v; want a usable upload with TikTok's remark", list, err)
		}
		if text := i.log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "12 rows could not be parsed") || strings.Contains(text, "jo@example.com") {
			t.Errorf("the log has no warning, or an address:\n%s", text)
		}
		if troubles := i.status.Troubles("lapsed"); len(troubles) > 0 {
			t.Errorf("got troubles %v, want none: the audience is used", troubles)
		}
	})
}

// An upload by hand at three in the afternoon: the one of three in the morning is too soon, and is made as soon as TikTok
// takes it, a day after the one by hand.
func TestAnUploadByHandDelaysTheScheduledOneToTheEndOfTikToksDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		defer i.serving()()
		<-time.After(3*time.Hour + time.Minute) // made by schedule
		w.holdsTheTable()
		<-time.After(36 * time.Hour) // the next night's has nothing to send; it is three in the afternoon
		w.people(1200, 1300)
		w.instance(tempDir(t)).upload(Uploaded, Options{Why: "request"})
		byHand := time.Now()
		<-time.After(8 * time.Hour)
		w.people(1300, 1400)
		<-time.After(24*time.Hour - time.Since(byHand) + 5*time.Minute)
		synctest.Wait()
		w.holdsTheTable()
		if a, _ := w.held(); len(a.History) != 3 {
			t.Errorf("got %+v, want three uploads", a.History)
		}
		once(t, w, 0)
	})
}

func TestPeopleAndIdentifiersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		w.topic.write("their shared address", "c|person7@example.com|true")
		w.topic.write("no member", "c|person9999@example.com|false")
		i := w.instance(tempDir(t))
		if m := i.upload(Uploaded, Options{}); m.People != 1501 || m.Identifiers != 1500 || m.Members != 1500 {
			t.Errorf("got %d people with %d identifiers, want 1501 with 1500", m.People, m.Identifiers)
		}
		<-time.After(25 * time.Hour)
		w.topic.write(w.topic.key(3), "") // what is kept is counted again
		if m := i.upload(Uploaded, Options{}); !m.Reused || m.People != 1500 || m.Identifiers != 1499 {
			t.Errorf("got %d people with %d identifiers, want 1500 with 1499", m.People, m.Identifiers)
		}
	})
}
