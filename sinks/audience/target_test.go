package audience

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
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

// documents are what instances remember together.
type documents struct {
	mu     sync.Mutex
	texts  map[string][]byte
	leases map[string]time.Time
}

func newDocuments() *documents {
	return &documents{texts: map[string][]byte{}, leases: map[string]time.Time{}}
}

func (d *documents) Refresh(context.Context) error { return nil }

func (d *documents) Get(key string) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, ok := d.texts[key]
	return text, ok
}

func (d *documents) Keys(prefix string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := slices.Sorted(maps.Keys(d.texts))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) })
}

func (d *documents) Put(_ context.Context, key string, text []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.texts[key] = text; text == nil {
		delete(d.texts, key)
	}
	return nil
}

func (d *documents) TryLock(_ context.Context, name string, ttl time.Duration) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.leases[name]) {
		return false, nil
	}
	d.leases[name] = time.Now().Add(ttl)
	return true, nil
}

func (d *documents) Unlock(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.leases, name)
	return nil
}

var newsletter = Wanted{Name: "Newsletter"}

func newTarget(s *sandbox.Sandbox, docs *documents, w Wanted) *Target {
	w.Sync = "newsletter"
	if len(w.Advertisers) == 0 {
		w.Advertisers = []string{sandbox.DefaultAdvertiser}
	}
	return NewTarget(w, api{s}, docs, time.Now, nil)
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
	for name, wanted := range map[string]Wanted{"short name": newsletter, "long name": {Name: long}} {
		t.Run(name, func(t *testing.T) {
			s, docs := newSandbox(), newDocuments()
			first := idsOf(t, newTarget(s, docs, wanted), "")
			for when, remembered := range map[string]*documents{"remembered": docs, "forgotten": newDocuments()} {
				if again := idsOf(t, newTarget(s, remembered, wanted), ""); !slices.Equal(again, first) {
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
		s, docs := newSandbox(), newDocuments()
		var starting sync.WaitGroup
		for range 4 {
			starting.Go(func() {
				target := newTarget(s, docs, newsletter)
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
				target := newTarget(s, newDocuments(), newsletter)
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
	for name, c := range map[string]struct {
		wanted   Wanted
		recreate bool
		resync   bool
		refused  bool
	}{
		"same name":                            {wanted: newsletter},
		"another name":                         {wanted: Wanted{Name: "Other"}, refused: true},
		"another name after a resync":          {wanted: Wanted{Name: "Other"}, resync: true, refused: true},
		"another name after resync recreate":   {wanted: Wanted{Name: "Other"}, resync: true, recreate: true},
		"an id in place of the name":           {wanted: Wanted{ID: "1"}, refused: true},
		"audiences of rows in place of a name": {wanted: Wanted{}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, docs := newSandbox(), newDocuments()
			idsOf(t, newTarget(s, docs, newsletter), "")
			target := newTarget(s, docs, c.wanted)
			if c.resync {
				if err := Resync(t.Context(), target.docs, "newsletter", Owned, c.recreate); err != nil {
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
	s, docs := newSandbox(), newDocuments()
	target := newTarget(s, docs, newsletter)
	b := Binding{Mode: File, Name: "Newsletter", IDs: map[string]string{sandbox.DefaultAdvertiser: "1"}}
	if err := target.docs.Put(t.Context(), Key("newsletter", ""), b.Document()); err != nil {
		t.Fatal(err)
	}
	_, err := target.IDs(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "tokrelay resync --sync newsletter") {
		t.Fatalf("got %v, want the way out", err)
	}
	if err := Resync(t.Context(), target.docs, "newsletter", Owned, false); err != nil {
		t.Fatal(err)
	}
	idsOf(t, target, "")
}

func TestAConfiguredIDMustBeAPartnerAudience(t *testing.T) {
	s := newSandbox()
	own := idsOf(t, newTarget(s, newDocuments(), newsletter), "")[0]
	if got := idsOf(t, newTarget(s, newDocuments(), Wanted{ID: own}), ""); !slices.Equal(got, []string{own}) {
		t.Errorf("got %v, want %s", got, own)
	}
	_, err := newTarget(s, newDocuments(), Wanted{ID: "123"}).IDs(t.Context(), "")
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || !trouble.Stop {
		t.Errorf("an id that TikTok does not know: got %v, want trouble that stops", err)
	}
}

func TestEveryAdvertiserHasItsAudience(t *testing.T) {
	s := sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Refuse: sandbox.Strict(), Advertisers: []sandbox.Advertiser{
		{ID: "1", Name: "one", Business: "b"}, {ID: "2", Name: "two", Business: "b"}}, Sources: []sandbox.Source{}})
	target := newTarget(s, newDocuments(), Wanted{Name: "Newsletter", Advertisers: []string{"1", "2"}})
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
	target := newTarget(s, newDocuments(), Wanted{})
	if got := idsOf(t, target, ""); len(got) != 0 {
		t.Errorf("the sync's own: got %v, want none", got)
	}
	news := idsOf(t, target, "News")
	if again := idsOf(t, target, "News"); !slices.Equal(news, again) || len(news) != 1 {
		t.Errorf("got %v, then %v, want the same one", news, again)
	}
	if got := idsOf(t, newTarget(s, newDocuments(), Wanted{ByID: true}), "123"); !slices.Equal(got, []string{"123"}) {
		t.Errorf("by id: got %v, want the id", got)
	}
}

func TestRowsNameNoMoreAudiencesThanTheyMay(t *testing.T) {
	s, docs := newSandbox(), newDocuments()
	wanted := Wanted{Most: 2}
	target := newTarget(s, docs, wanted)
	idsOf(t, target, "News")
	idsOf(t, target, "Offers")
	for when, target := range map[string]*Target{"at first": target, "after a restart": newTarget(s, docs, wanted)} {
		if _, err := target.IDs(t.Context(), "Surveys"); err == nil {
			t.Errorf("%s: a third one was made", when)
		} else if _, full := errors.AsType[*Full](err); !full {
			t.Errorf("%s: got %v, want that there is no room", when, err)
		}
		idsOf(t, target, "Offers")
	}
	if n := len(s.Audiences()); n != 2 {
		t.Errorf("TikTok has %d audiences, want 2", n)
	}
	idsOf(t, newTarget(s, docs, Wanted{Most: 3}), "Surveys")
}

func TestReadBackGivesWhatTikTokSays(t *testing.T) {
	s := newSandbox()
	target := newTarget(s, newDocuments(), newsletter)
	r := NewReadback(target, time.Minute, nil, pipeline.NewStatus(time.Now))
	if got := r.Read(t.Context()); got.Err != nil || len(got.Audiences) != 0 {
		t.Errorf("before anything is bound: got %+v", got)
	}
	id := idsOf(t, target, "")[0]
	got := r.Read(t.Context())
	if got.Err != nil || len(got.Audiences) != 1 || got.Audiences[0].ID != id || !got.Audiences[0].IsPartner() {
		t.Fatalf("got %+v, want audience %s", got, id)
	}
	a := got.Audiences[0]
	for when, want := range map[time.Duration]Status{0: Processing, 72 * time.Hour: Failed, 400 * 24 * time.Hour: Expired} {
		if status := a.Status(time.Now().Add(when), time.Time{}); status != want {
			t.Errorf("after %s: got %s, want %s", when, status, want)
		}
	}
	s.RevokeTokens()
	if got := r.Read(t.Context()); got.Err == nil || len(got.Audiences) != 1 {
		t.Errorf("with a revoked token: got %v and %d audiences, want an error with the last reading", got.Err, len(got.Audiences))
	}
}

// TikTok does not answer the search for one audience. Rows of another one waited for it, and so did the stop of the daemon.
func TestASlowAudienceHoldsUpNoOtherAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox()
		target := newTarget(s, newDocuments(), Wanted{Sync: "lists", Advertisers: []string{sandbox.DefaultAdvertiser}})
		idsOf(t, target, "known")
		s.AddFault(sandbox.Fault{Timeout: true})
		slow := make(chan error)
		go func() {
			_, err := target.IDs(t.Context(), "slow")
			slow <- err
		}()
		synctest.Wait()
		began := time.Now()
		idsOf(t, target, "known")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a known audience waited %v for another one", waited)
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := target.IDs(brief, "slow"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v, want the end of the context", err, time.Since(began))
		}
		if err := <-slow; err == nil {
			t.Error("an audience was found without an answer")
		}
	})
}

func TestATopicThatIsReadNoMoreStopsTheSyncUntilAResyncTakesItsMembersOver(t *testing.T) {
	docs, box := newDocuments(), sandbox.New(sandbox.Config{Limits: sandbox.NoLimits()})
	start := func(topics ...string) (*Target, error) {
		w := Wanted{Sync: "newsletter", Name: "Newsletter", Advertisers: []string{sandbox.DefaultAdvertiser}, Topics: topics}
		target := NewTarget(w, api{box}, docs, time.Now, nil)
		_, err := target.IDs(t.Context(), "")
		return target, err
	}
	for _, topics := range [][]string{{"shop.public.customers"}, {"shop.public.customers", "shop.public.leads"}, nil} { // first, one more, a pattern
		if _, err := start(topics...); err != nil {
			t.Fatalf("topics %v: %v", topics, err)
		}
	}
	if _, err := start("shop.public.customers", "shop.public.leads"); err != nil {
		t.Fatal(err)
	}
	_, err := start("eu.public.customers", "shop.public.leads")
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok || !trouble.Stop || !strings.Contains(trouble.What, "shop.public.customers") || !strings.Contains(trouble.What, "tokrelay resync --sync newsletter") {
		t.Fatalf("a renamed topic: got %v, want a stop with the topic and the command", err)
	}
	if err := Resync(t.Context(), docs, "newsletter", Owned, false); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start remembers it
		if _, err := start("eu.public.customers", "shop.public.leads"); err != nil {
			t.Fatal(err)
		}
	}
}

// earlier is what a version before owners has remembered of the sync's audience.
func earlier(t *testing.T, docs Documents, b Binding) {
	t.Helper()
	b.Mode, b.Name = segment, "Newsletter"
	b.IDs = map[string]string{sandbox.DefaultAdvertiser: "9000000000000000001"}
	if err := Remember(t.Context(), docs, Key("newsletter", ""), b); err != nil {
		t.Fatal(err)
	}
}

func earlierTarget(docs Store) *Target {
	w := Wanted{Sync: "newsletter", Name: "Newsletter", Advertisers: []string{sandbox.DefaultAdvertiser}}
	return NewTarget(w, api{sandbox.New(sandbox.Config{Limits: sandbox.NoLimits()})}, docs, time.Now, nil)
}

func TestASyncThatDidNotRememberMembersNeedsAResyncToDoSo(t *testing.T) {
	docs := newDocuments()
	earlier(t, docs, Binding{Forgets: true})
	_, err := earlierTarget(docs).IDs(t.Context(), "")
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok || !trouble.Stop || !strings.Contains(trouble.What, "tokrelay resync --sync newsletter") {
		t.Fatalf("got %v, want a stop with the command", err)
	}
	if err := Resync(t.Context(), docs, "newsletter", Owned, false); err != nil {
		t.Fatal(err)
	}
	if _, err := earlierTarget(docs).IDs(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnEarlierVersionRememberedIsTakenOverOnce(t *testing.T) {
	for _, resync := range []bool{false, true} {
		docs := newDocuments()
		earlier(t, docs, Binding{})
		if resync {
			if err := Resync(t.Context(), docs, "newsletter", Owned, false); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []bool{true, true, false} {
			target := earlierTarget(docs)
			if _, err := target.IDs(t.Context(), ""); err != nil || target.Earlier() != want {
				t.Fatalf("resync %t: got %v, earlier %t, want %t", resync, err, target.Earlier(), want)
			}
			if want { // the second time
				_, again := docs.Get("seen")
				_ = docs.Put(t.Context(), "seen", []byte("1"))
				if again {
					if err := target.TakenOver(t.Context()); err != nil || target.Earlier() {
						t.Fatal("it is not noted", err)
					}
				}
			}
		}
		document, _ := docs.Get(Key("newsletter", ""))
		b, _ := ParseBinding(document)
		if before := b.allows("newsletter", Binding{Mode: segment, Name: "Newsletter"}); before == nil || !before.Stop {
			t.Errorf("a version before this one goes on after it: got %v, want it held", before)
		}
	}
}
