package segment

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// api reaches a sandbox without a network.
type api struct{ sandbox *sandbox.Sandbox }

func (a api) Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer {
	return a.send(ctx, http.MethodPost, endpoint, string(body))
}

func (a api) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	return a.send(ctx, http.MethodGet, endpoint+"?"+query.Encode(), "")
}

func (a api) send(ctx context.Context, method, path, body string) pipeline.Answer {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://sandbox/open_api/v1.3"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	resp, err := a.sandbox.Transport().RoundTrip(r)
	if err != nil {
		return tiktok.Unanswered(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return tiktok.Classify(resp.StatusCode, text, err)
}

func newTarget(t *testing.T, s *sandbox.Sandbox, docs *topic, config string) *Target {
	t.Helper()
	p, err := New(loaded(t, config+"\nidentifiers: {EMAIL_SHA256: email}"), Options{AdvertiserID: sandbox.DefaultAdvertiser}, &mapping.Columns{}, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.NewTarget("newsletter", api{s}, state.NewStore(docs.log(func() error { return nil }), time.Now))
}

func idsOf(t *testing.T, target *Target, name string) []string {
	t.Helper()
	list, err := target.IDs(t.Context(), name)
	if err != nil {
		t.Fatalf("ids: %v", err)
	}
	return list
}

func newSandbox() *sandbox.Sandbox {
	return sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Refuse: sandbox.Strict()})
}

func TestAnAudienceIsCreatedOnceAndFoundFromThenOn(t *testing.T) {
	long := strings.Repeat("äudience ", 9)[:75] // TikTok cuts it
	for name, config := range map[string]string{"short name": "audience: {name: Newsletter}", "long name": "audience: {name: \"" + long + "\"}"} {
		t.Run(name, func(t *testing.T) {
			s, docs := newSandbox(), &topic{}
			first := idsOf(t, newTarget(t, s, docs, config), "")
			for when, topic := range map[string]*topic{"remembered": docs, "forgotten": {}} {
				if again := idsOf(t, newTarget(t, s, topic, config), ""); !slices.Equal(again, first) {
					t.Errorf("%s: got %v, want %v", when, again, first)
				}
			}
			if n := len(s.Audiences()); n != 1 {
				t.Errorf("got %d audiences, want 1", n)
			}
		})
	}
}

func TestInstancesThatStartTogetherCreateOneAudience(t *testing.T) {
	for range 20 {
		s, docs := newSandbox(), &topic{}
		var starting sync.WaitGroup
		for range 4 {
			starting.Go(func() {
				target := newTarget(t, s, docs, "audience: {name: Newsletter}")
				for {
					_, err := target.IDs(context.Background(), "")
					if err == nil {
						return
					}
					if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || trouble.Kind != pipeline.TroubleState {
						t.Errorf("got %v, want patience", err)
						return
					}
				}
			})
		}
		starting.Wait()
		if n := len(s.Audiences()); n != 1 {
			t.Fatalf("got %d audiences, want 1", n)
		}
	}
}

func TestACreateWithoutAnswerIsNotRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		stage sandbox.Stage
		waits bool // for the minute of doubt
	}{
		"it had worked": {sandbox.AfterEffect, false},
		"it had not":    {sandbox.BeforeEffect, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSandbox()
				s.AddFault(sandbox.Fault{Endpoint: "/segment/audience/", Stage: c.stage, Timeout: true, Count: 1})
				target := newTarget(t, s, &topic{}, "audience: {name: Newsletter}")
				began := time.Now()
				for tries := 0; ; tries++ {
					_, err := target.IDs(t.Context(), "")
					if err == nil {
						break
					}
					if tries > 100 {
						t.Fatalf("still %v", err)
					}
					<-time.After(2 * time.Second) // in the bubble's time
				}
				if waited := time.Since(began) >= doubt; waited != c.waits {
					t.Errorf("took %s, want the minute waited for: %v", time.Since(began), c.waits)
				}
				if n := len(s.Audiences()); n != 1 {
					t.Errorf("got %d audiences, want 1", n)
				}
			})
		})
	}
}

func TestTheAudienceOfASyncIsLocked(t *testing.T) {
	const was = "audience: {name: Newsletter}"
	for name, c := range map[string]struct {
		config   string
		recreate bool
		resync   bool
		refused  bool
	}{
		"same name":                            {config: was},
		"another name":                         {config: "audience: {name: Other}", refused: true},
		"another name after a resync":          {config: "audience: {name: Other}", resync: true, refused: true},
		"another name after resync recreate":   {config: "audience: {name: Other}", resync: true, recreate: true},
		"an id in place of the name":           {config: "audience: {id: \"1\"}", refused: true},
		"audiences of rows in place of a name": {config: "audience: {column: lists}", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, docs := newSandbox(), &topic{}
			idsOf(t, newTarget(t, s, docs, was), "")
			target := newTarget(t, s, docs, c.config)
			if c.resync {
				if err := audience.Resync(t.Context(), target.docs, "newsletter", audience.Segment, c.recreate); err != nil {
					t.Fatal(err)
				}
			}
			_, err := target.IDs(t.Context(), "")
			trouble, _ := errors.AsType[*pipeline.Trouble](err)
			if refused := trouble != nil && trouble.Stop && trouble.Kind == pipeline.TroubleAudience; refused != c.refused {
				t.Errorf("got %v, want refused: %v", err, c.refused)
			}
			if c.resync && !c.refused && target.Generation() != 1 {
				t.Errorf("generation: got %d, want 1", target.Generation())
			}
		})
	}
}

func TestASyncThatFilledItsAudienceByFileDemandsAResync(t *testing.T) {
	s, docs := newSandbox(), &topic{}
	target := newTarget(t, s, docs, "audience: {name: Newsletter}")
	b := audience.Binding{Mode: audience.File, Name: "Newsletter", IDs: map[string]string{sandbox.DefaultAdvertiser: "1"}}
	if err := target.docs.Put(t.Context(), audience.Key("newsletter", ""), b.Document()); err != nil {
		t.Fatal(err)
	}
	_, err := target.IDs(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "tokrelay resync --sync newsletter") {
		t.Fatalf("got %v, want the way out", err)
	}
	if err := audience.Resync(t.Context(), target.docs, "newsletter", audience.Segment, false); err != nil {
		t.Fatal(err)
	}
	idsOf(t, target, "")
}

func TestAConfiguredIDMustBeAPartnerAudience(t *testing.T) {
	s := newSandbox()
	own := idsOf(t, newTarget(t, s, &topic{}, "audience: {name: Newsletter}"), "")[0]
	if got := idsOf(t, newTarget(t, s, &topic{}, "audience: {id: \""+own+"\"}"), ""); !slices.Equal(got, []string{own}) {
		t.Errorf("got %v, want %s", got, own)
	}
	_, err := newTarget(t, s, &topic{}, "audience: {id: \"123\"}").IDs(t.Context(), "")
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || !trouble.Stop {
		t.Errorf("an id that is nobody's: got %v, want trouble that stops", err)
	}
}

func TestEveryAdvertiserHasItsAudience(t *testing.T) {
	s := sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Refuse: sandbox.Strict(), Advertisers: []sandbox.Advertiser{
		{ID: "1", Name: "one", Business: "b"}, {ID: "2", Name: "two", Business: "b"}}, Sources: []sandbox.Source{}})
	target := newTarget(t, s, &topic{}, "audience: {name: Newsletter}\nadvertiser_ids: [\"1\", \"2\"]")
	if got := idsOf(t, target, ""); len(got) != 2 {
		t.Errorf("got %v, want two", got)
	}
	owners := map[string]bool{}
	for _, a := range s.Audiences() {
		owners[a.Advertiser] = true
	}
	if len(owners) != 2 {
		t.Errorf("got audiences of %v, want of both", owners)
	}
}

func TestRowsNameAudiencesThatAreFoundOrCreated(t *testing.T) {
	s := newSandbox()
	target := newTarget(t, s, &topic{}, "audience: {column: lists}")
	if got := idsOf(t, target, ""); len(got) != 0 {
		t.Errorf("the sync's own: got %v, want none", got)
	}
	news := idsOf(t, target, "News")
	if again := idsOf(t, target, "News"); !slices.Equal(news, again) || len(news) != 1 {
		t.Errorf("got %v, then %v, want the same one", news, again)
	}
	if got := idsOf(t, newTarget(t, s, &topic{}, "audience: {column: lists, by: id}"), "123"); !slices.Equal(got, []string{"123"}) {
		t.Errorf("by id: got %v, want the id", got)
	}
}

func TestReadBackTellsWhatTikTokTells(t *testing.T) {
	s := newSandbox()
	target := newTarget(t, s, &topic{}, "audience: {name: Newsletter}")
	r := &Readback{target: target, every: time.Minute}
	if got := r.Read(t.Context()); got.Err != nil || len(got.Audiences) != 0 {
		t.Errorf("before anything is bound: got %+v", got)
	}
	id := idsOf(t, target, "")[0]
	got := r.Read(t.Context())
	if got.Err != nil || len(got.Audiences) != 1 || got.Audiences[0].ID != id || !got.Audiences[0].IsPartner() {
		t.Fatalf("got %+v, want audience %s", got, id)
	}
	a := got.Audiences[0]
	for when, want := range map[time.Duration]audience.Status{0: audience.Processing, 72 * time.Hour: audience.Failed, 400 * 24 * time.Hour: audience.Expired} {
		if status := a.Status(time.Now().Add(when), time.Time{}); status != want {
			t.Errorf("after %s: got %s, want %s", when, status, want)
		}
	}
	s.RevokeTokens()
	if got := r.Read(t.Context()); got.Err == nil || len(got.Audiences) != 1 {
		t.Errorf("with a revoked token: got %v and %d audiences, want an error beside the last reading", got.Err, len(got.Audiences))
	}
}
