package audience

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// target is a sync's, in a process of its own or not.
func targetOf(s *sandbox.Sandbox, docs *documents, sync string, w Wanted) *Target {
	w.Sync, w.Advertisers = sync, []string{sandbox.DefaultAdvertiser}
	return NewTarget(w, api{s}, docs, time.Now, nil)
}

func TestTwoSyncsNeverFillOneAudience(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second func(id string) Wanted
		row           string // what rows of the second call it
	}{
		{"by one name", byName, byName, ""},
		{"by name, and by id", byName, byID, ""},
		{"by id, and by name", byID, byName, ""},
		{"by name, and by a column of names", byName, byRow, "Newsletter"},
		{"by name, and by a column of ids", byName, func(string) Wanted { return Wanted{ByID: true} }, "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, docs := newSandbox(), newDocuments()
			id := idsOf(t, targetOf(s, newDocuments(), "earlier", newsletter), "")[0]
			for range 2 { // and after a restart
				idsOf(t, targetOf(s, docs, "first", c.first(id)), "")
				row := c.row
				if row == "id" {
					row = id
				}
				_, err := targetOf(s, docs, "second", c.second(id)).IDs(t.Context(), row)
				trouble, ok := errors.AsType[*pipeline.Trouble](err)
				if !ok || !trouble.Stop || trouble.Kind != pipeline.TroubleAudience || !strings.Contains(trouble.What, "already") {
					t.Fatalf("got %v, want that the first sync fills it already", err)
				}
				if _, refused := errors.AsType[*Refused](err); refused != (row != "") {
					t.Errorf("got %v: only where a row names it the row is rejected", err)
				}
				if row == "" && !strings.Contains(trouble.What, "tokrelay resync --sync second") {
					t.Errorf("got %q, want the way out", trouble.What)
				}
			}
			if n := len(s.Audiences()); n != 1 {
				t.Errorf("TikTok has %d audiences, want 1", n)
			}
		})
	}
}

func byName(string) Wanted  { return newsletter }
func byID(id string) Wanted { return Wanted{ID: id} }
func byRow(string) Wanted   { return Wanted{} }

func TestAResyncTakesAnAudienceOver(t *testing.T) {
	s, docs := newSandbox(), newDocuments()
	idsOf(t, targetOf(s, docs, "old-name", newsletter), "")
	if err := Resync(t.Context(), docs, "new-name", Owned, false); err != nil {
		t.Fatal(err)
	}
	idsOf(t, targetOf(s, docs, "new-name", newsletter), "")
	if _, err := targetOf(s, docs, "old-name", newsletter).IDs(t.Context(), ""); err == nil {
		t.Error("the old one goes on, want it refused")
	}
	if err := Claim(t.Context(), docs, Filler{Sync: "third"}, sandbox.DefaultAdvertiser, s.Audiences()[0].ID); err == nil {
		t.Error("a third takes it, want it refused")
	}
	// Later on it has no more right than others.
	if err := Claim(t.Context(), docs, Filler{Sync: "other"}, sandbox.DefaultAdvertiser, "7"); err != nil {
		t.Fatal(err)
	}
	if err := Claim(t.Context(), docs, Filler{Sync: "new-name"}, sandbox.DefaultAdvertiser, "7"); err == nil {
		t.Error("a resync of long ago takes another's audience over")
	}
}

func TestSyncsThatStartTogetherMakeOneAudienceAndOneIsRefused(t *testing.T) {
	for range 20 {
		s, docs := newSandbox(), newDocuments()
		refused := make([]error, 2)
		var starting sync.WaitGroup
		for i, name := range []string{"one", "two"} {
			starting.Go(func() {
				target := targetOf(s, docs, name, newsletter)
				for {
					_, err := target.IDs(context.Background(), "")
					if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || trouble.Stop {
						refused[i] = err
						return
					}
				}
			})
		}
		starting.Wait()
		if (refused[0] == nil) == (refused[1] == nil) || len(s.Audiences()) != 1 {
			t.Fatalf("got %v and %d audiences, want one refused, and one audience", refused, len(s.Audiences()))
		}
	}
}

// A name that TikTok has twice is the oldest's; an id decides otherwise.
func TestOfSeveralAudiencesOfANameTheOldestValidOneOfOursIsTaken(t *testing.T) {
	list := &listed{list: `{"code":0,"message":"OK","data":{"list":[
		{"audience_id":"1","name":"Newsletter","audience_type":"Partner Audience","create_time":"2020-01-01 00:00:00","is_creator":false},
		{"audience_id":"2","name":"Newsletter","audience_type":"Partner Audience","create_time":"2020-02-01 00:00:00","expired_time":"1999-01-01 00:00:00"},
		{"audience_id":"4","name":"Newsletter","audience_type":"Partner Audience","create_time":"2020-04-01 00:00:00","is_creator":true},
		{"audience_id":"3","name":"Newsletter","audience_type":"Partner Audience","create_time":"2020-03-01 00:00:00","is_creator":true}]}}`}
	target := NewTarget(Wanted{Sync: "newsletter", Name: "Newsletter", Advertisers: []string{"1"}}, list, newDocuments(), time.Now, nil)
	if got := idsOf(t, target, ""); len(got) != 1 || got[0] != "3" {
		t.Errorf("got %v, want 3", got)
	}
}

func TestAConfiguredIDOfAnotherAccountOrAnExpiredOneIsNeverFilled(t *testing.T) {
	for _, c := range faultTexts[:5] {
		target := NewTarget(Wanted{Sync: "newsletter", ID: "7", Advertisers: []string{"1"}}, &says{text: c.text}, newDocuments(), time.Now, nil)
		_, err := target.IDs(t.Context(), "")
		if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || !trouble.Stop {
			t.Errorf("%s: got %v, want trouble that stops", c.name, err)
		}
	}
}

// slow is a TikTok that does not answer about one audience until it may.
type slow struct {
	api
	name string
	free chan struct{}
}

func (s slow) Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer {
	if strings.Contains(string(body), s.name) {
		select {
		case <-s.free:
		case <-ctx.Done():
		}
	}
	return s.api.Post(ctx, endpoint, body)
}

func (s slow) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	return s.api.Get(ctx, endpoint, query)
}

func TestASlowAudienceHoldsUpNoOtherAndNobodyLongerThanTheyWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tiktok := slow{api{newSandbox()}, "Slow", make(chan struct{})}
		target := NewTarget(Wanted{Sync: "rows", Advertisers: []string{sandbox.DefaultAdvertiser}, Most: 3}, tiktok, newDocuments(), time.Now, nil)
		found := make(chan []string, 1)
		go func() {
			ids, _ := target.IDs(t.Context(), "Slow")
			found <- ids
		}()
		synctest.Wait() // it is being made
		idsOf(t, target, "Fast")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := target.IDs(ctx, "Slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the caller's patience", err)
		}
		idsOf(t, target, "Other")
		if _, err := target.IDs(t.Context(), "Fourth"); err == nil {
			t.Error("a fourth audience was made")
		}
		close(tiktok.free)
		if ids := <-found; len(ids) != 1 {
			t.Errorf("the slow one: got %v, want its id", ids)
		}
	})
}

func TestSyncsOfOneGroupFillAnAudienceTogether(t *testing.T) {
	s, docs := newSandbox(), newDocuments()
	start := func(sync, group string) error {
		w := newsletter
		w.Sync, w.Group, w.Advertisers = sync, group, []string{sandbox.DefaultAdvertiser}
		_, err := NewTarget(w, api{s}, docs, time.Now, nil).IDs(t.Context(), "")
		return err
	}
	for _, c := range []struct {
		sync, group string
		taken       bool
	}{{"one", "", false}, {"one", "tokrelay", false}, {"two", "tokrelay", false}, {"three", "other", true}, {"four", "", true}, {"one", "tokrelay", false}} {
		err := start(c.sync, c.group)
		if _, taken := errors.AsType[*Taken](err); taken != c.taken || !taken && err != nil {
			t.Errorf("sync %s of group %q: got %v, want taken %t", c.sync, c.group, err, c.taken)
		}
	}
	if n := len(s.Audiences()); n != 1 {
		t.Errorf("TikTok has %d audiences, want 1", n)
	}
}
