package audience

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// says is a TikTok that answers every question about an audience with one text.
type says struct {
	mu    sync.Mutex
	text  string
	asked int
}

func (s *says) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}

func (s *says) Post(_ context.Context, endpoint string, _ []byte) pipeline.Answer {
	return tiktok.Classify(200, []byte(`{"code":0,"message":"OK","data":{"audience_id":"7"}}`), nil)
}

func (s *says) Get(_ context.Context, endpoint string, _ url.Values) pipeline.Answer {
	if strings.Contains(endpoint, "/list/") {
		return tiktok.Classify(200, []byte(`{"code":0,"message":"OK","data":{"list":[]}}`), nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return tiktok.Classify(200, []byte(s.text), nil)
}

func details(members string) string {
	return `{"code":0,"message":"OK","data":{"list":[{"audience_details":{"audience_id":"7","name":"Newsletter",` + members + `}}]}}`
}

var faultTexts = []struct{ name, text, want string }{
	{"gone, by its code", `{"code":40007,"message":"Audience 7 does not exist."}`, "gone at TikTok"},
	{"gone, and the list is empty", `{"code":0,"message":"OK","data":{"list":[]}}`, "gone at TikTok"},
	{"another account's", details(`"type":"Partner","is_creator":false`), "belongs to another account"},
	{"expired", details(`"type":"Partner","expired_time":"1999-01-01 00:00:00"`), "has expired"},
	{"of another kind", details(`"type":"Customer File Audience"`), "cannot be filled row by row"},
	{"as it should be", details(`"type":"Partner","is_creator":true,"is_valid":false`), ""},
	{"of a kind that is not said", details(`"is_valid":true`), ""},
	{"TikTok is away", `<html>Bad Gateway</html>`, ""},
	{"the token may not ask", `{"code":40001,"message":"No permission."}`, ""},
}

func TestWhatTikTokSaysOfAnAudienceIsToldWithWhatToDo(t *testing.T) {
	for _, c := range faultTexts {
		for _, of := range []struct {
			wanted     Wanted
			row        string
			name, cure string
		}{
			{newsletter, "", `audience "Newsletter" (id 7)`, "tokrelay resync --sync newsletter --recreate"},
			{Wanted{}, "Ann's", "an audience that rows name (id 7)", "tokrelay resync --sync newsletter --recreate"},
			{Wanted{ByID: true}, "7", "an audience that rows name by its id", "tokrelay skip --sync newsletter"},
		} {
			t.Run(c.name+", "+of.name, func(t *testing.T) {
				tiktok := &says{text: c.text}
				w := of.wanted
				w.Sync, w.Advertisers = "newsletter", []string{"1"}
				target := NewTarget(w, tiktok, newDocuments(), time.Now, nil)
				idsOf(t, target, of.row)
				got := target.Ask(t.Context(), of.row)
				if c.want == "" && got != "" || !strings.Contains(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if got != "" && (!strings.Contains(got, of.name) || !strings.Contains(got, of.cure) || strings.Contains(got, "Ann")) {
					t.Errorf("got %q, want the name %q and the cure %q", got, of.name, of.cure)
				}
				if tiktok.asked != 1 {
					t.Errorf("asked %d times, want once", tiktok.asked)
				}
			})
		}
	}
}

func TestAnAudienceThatCannotBeFilledAnyMoreHoldsTheSyncUntilItCan(t *testing.T) {
	for _, c := range faultTexts[:5] {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tiktok, status := &says{text: details(`"type":"Partner"`)}, pipeline.NewStatus(time.Now)
				target := NewTarget(Wanted{Sync: "newsletter", Name: "Newsletter", Advertisers: []string{"1"}}, tiktok, newDocuments(), time.Now, nil)
				idsOf(t, target, "")
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- NewReadback(target, 15*time.Minute, nil, status).Run(ctx) }()
				<-time.After(time.Minute)
				idsOf(t, target, "")
				tiktok.say(c.text)
				<-time.After(15 * time.Minute)
				if list := status.Troubles("newsletter"); len(list) != 1 || list[0].Kind != pipeline.TroubleAudience || !list[0].Stop || !strings.Contains(list[0].What, c.want) {
					t.Errorf("troubles: got %v, want %q", list, c.want)
				}
				if _, err := target.IDs(t.Context(), ""); err == nil {
					t.Error("its rows are sent, want them to wait")
				} else if _, held := errors.AsType[*Held](err); !held {
					t.Errorf("got %v, want it held", err)
				}
				tiktok.say(details(`"type":"Partner"`))
				<-time.After(lookAgain + time.Second)
				if list := status.Troubles("newsletter"); len(list) > 0 {
					t.Errorf("when it is right again: got troubles %v", list)
				}
				idsOf(t, target, "")
				stop()
				<-ended
			})
		})
	}
}

func TestAnAudienceThatRowsNameIsHeldForItsRowsAloneAndNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tiktok, status := &says{text: `{"code":40007,"message":"gone"}`}, pipeline.NewStatus(time.Now)
		target := NewTarget(Wanted{Sync: "newsletter", Advertisers: []string{"1"}}, tiktok, newDocuments(), time.Now, nil)
		idsOf(t, target, "News")
		NewReadback(target, 15*time.Minute, nil, status).Read(t.Context())
		if _, err := target.IDs(t.Context(), "News"); err == nil {
			t.Error("its rows are sent, want them to wait")
		}
		if list := status.Troubles("newsletter"); len(list) > 0 {
			t.Errorf("no row waits: got troubles %v", list)
		}
		idsOf(t, target, "")
		idsOf(t, target, "Others")
		tiktok.say(details(`"type":"Partner"`))
		<-time.After(lookAgain)
		idsOf(t, target, "News")
	})
}

func TestOneMissingAudienceOfManyIsFound(t *testing.T) {
	s := newSandbox()
	target := newTarget(s, newDocuments(), Wanted{})
	var ids []string
	for i := range 30 {
		ids = append(ids, idsOf(t, target, fmt.Sprint("News ", i))...)
	}
	body := `{"advertiser_id":"` + target.wanted.Advertisers[0] + `","action":"delete","delete_audience_id":"` + ids[17] + `"}`
	if a := target.api.Post(t.Context(), "/segment/audience/", []byte(body)); !a.IsAccepted() {
		t.Fatal(a.Message)
	}
	r := NewReadback(target, time.Minute, nil, pipeline.NewStatus(time.Now)).Read(t.Context())
	if len(r.Audiences) != 29 || r.Err != nil || r.Fault == nil || !strings.Contains(r.Fault.What, ids[17]) {
		t.Errorf("got %d audiences, fault %v, error %v; want 29, and %s gone", len(r.Audiences), r.Fault, r.Err, ids[17])
	}
}

// After `tokrelay resync --recreate` a gone audience is made again, and an expired or foreign one of its name is not taken.
func TestRecreateMakesAGoneAudienceAgain(t *testing.T) {
	for row, wanted := range map[string]Wanted{"": newsletter, "News": {}} {
		s, docs := newSandbox(), newDocuments()
		first := idsOf(t, newTarget(s, docs, wanted), row)
		body := `{"advertiser_id":"` + newTarget(s, docs, wanted).wanted.Advertisers[0] + `","action":"delete","delete_audience_id":"` + first[0] + `"}`
		if a := (api{s}).Post(t.Context(), "/segment/audience/", []byte(body)); !a.IsAccepted() {
			t.Fatal(a.Message)
		}
		if err := Resync(t.Context(), docs, "newsletter", Owned, true); err != nil {
			t.Fatal(err)
		}
		if again := idsOf(t, newTarget(s, docs, wanted), row); len(again) != 1 || again[0] == first[0] {
			t.Errorf("rows name %q: got %v after %v, want a new one", row, again, first)
		}
	}
}

func TestAnExpiredOrForeignAudienceOfTheNameIsNotTaken(t *testing.T) {
	for name, members := range map[string]string{"expired": `"expired_time":"1999-01-01 00:00:00"`, "foreign": `"is_creator":false`} {
		tiktok := &listed{list: `{"code":0,"message":"OK","data":{"list":[{"audience_id":"5","name":"Newsletter","audience_type":"Partner Audience",` + members + `}]}}`}
		target := NewTarget(Wanted{Sync: "newsletter", Name: "Newsletter", Advertisers: []string{"1"}}, tiktok, newDocuments(), time.Now, nil)
		if got := idsOf(t, target, ""); len(got) != 1 || got[0] != "7" {
			t.Errorf("%s: got %v, want a new one", name, got)
		}
	}
}

// listed is a TikTok with one audience.
type listed struct {
	says
	list string
}

func (l *listed) Get(context.Context, string, url.Values) pipeline.Answer {
	return tiktok.Classify(200, []byte(l.list), nil)
}
