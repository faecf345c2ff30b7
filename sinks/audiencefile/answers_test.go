package audiencefile

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// texts is a TikTok that knows texts alone, and the lines of the files whose use it has said OK to. next answers in its
// place where it is set.
type texts struct {
	next API

	mu      sync.Mutex
	answer  func(endpoint string) (status int, text string) // status 0: none
	refused time.Time                                       // when it first did
	files   []string
	holds   []string
	made    int
}

func (s *texts) say(answer func(endpoint string) (int, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// first is the answer of trouble.
func (s *texts) first(endpoint string) (a pipeline.Answer, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == nil {
		return a, false
	}
	status, text := s.answer(endpoint)
	if status > 0 && s.refused.IsZero() {
		s.refused = time.Now()
	}
	return tiktok.Classify(status, []byte(text), nil), status > 0
}

const fine = `{"code":0,"message":"OK","data":%s}`

func (s *texts) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	if a, is := s.first(endpoint); is {
		return a
	}
	if s.next != nil {
		return s.next.Get(ctx, endpoint, query)
	}
	data := `{"list":[]}`
	if strings.Contains(endpoint, "/get/") {
		data = `{"list":[{"audience_details":{"audience_id":"9","type":"Customer File Audience","is_valid":true,"is_creator":true}}]}`
	}
	return tiktok.Classify(http.StatusOK, fmt.Appendf(nil, fine, data), nil)
}

func (s *texts) Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer {
	if a, is := s.first(endpoint); is {
		return a
	}
	if s.next != nil {
		return s.next.Post(ctx, endpoint, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds, s.files, s.made = s.files, nil, s.made+1
	return tiktok.Classify(http.StatusOK, fmt.Appendf(nil, fine, `{"custom_audience_id":"9"}`), nil)
}

func (s *texts) Upload(ctx context.Context, endpoint string, parts []tiktok.Part, path string) pipeline.Answer {
	if a, is := s.first(endpoint); is {
		return a
	}
	if s.next != nil {
		return s.next.Upload(ctx, endpoint, parts, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return tiktok.Unanswered(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = strings.Fields(string(content))
	return tiktok.Classify(http.StatusOK, fmt.Appendf(nil, fine, `{"file_path":"f"}`), nil)
}

func only(where string, code int, message string) func(endpoint string) (int, string) {
	return func(endpoint string) (int, string) {
		if endpoint == where {
			return 200, fmt.Sprintf(`{"code":%d,"message":%q,"request_id":"2","data":{}}`, code, message)
		}
		return 0, ""
	}
}

func deleted(code int, message string) func(endpoint string) (int, string) {
	return func(endpoint string) (int, string) {
		if strings.HasSuffix(endpoint, "/get/") {
			return 200, `{"code":40007,"message":"Audience 9 does not exist.","data":{}}`
		}
		return only(endpointUpdate, code, message)(endpoint)
	}
}

func page(status int) func(endpoint string) (int, string) {
	return func(string) (int, string) { return status, "<html>A page</html>" }
}

var fileTroubles = []struct {
	name   string
	answer func(endpoint string) (int, string)
	says   string
}{
	{"deleted: refused by name", deleted(40002, "custom_audience_id: Audience does not exist."), "gone at TikTok"},
	{"deleted: 40007", deleted(40007, "The object does not exist."), "gone at TikTok"},
	{"gateway: 400", page(400), "400"},
	{"gateway: 413", page(413), ""},
	{"gateway: 422", page(422), "422"},
	{"40002 for every replace", only(endpointUpdate, 40002, "Invalid parameters."), "40002"},
	{"40000 for every replace", only(endpointUpdate, 40000, "Wrong."), "40000"},
	{"40061 for every replace", only(endpointUpdate, 40061, "Batch size."), "40061"},
	{"40011 for every upload", only(endpointUpload, 40011, "Too many ids."), ""},
	{"40112", only(endpointUpdate, 40112, "Password error."), "40112"},
	{"40109", only(endpointUpdate, 40109, "Decipher error."), "40109"},
	{"a code nobody knows", only(endpointUpload, 40777, "Something new."), "40777"},
}

// Trouble as long as that costs no row and no member: it is told within five seconds, and the upload is made by itself, within
// 15 seconds of the end where the trouble was short.
func TestAnAnswerToEverythingStopsAFileAudienceUntilItIsOver(t *testing.T) {
	t.Parallel()
	for _, c := range fileTroubles {
		for _, server := range []string{"texts", "sandbox"} {
			for _, lasts := range []time.Duration{6 * time.Second, 3 * time.Hour} {
				t.Run(fmt.Sprint(c.name, " for ", lasts, ", ", server), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { outlive(t, c.answer, c.says, server, lasts) })
				})
			}
		}
	}
}

func outlive(t *testing.T, answer func(string) (int, string), says, server string, lasts time.Duration) {
	w, tt := newWorld(t, plainConfig), &texts{}
	if server == "sandbox" {
		tt.next = w.api()
	}
	w.people(0, 1200)
	i := w.instance(tempDir(t))
	i.deps.API = tt
	i.upload(Uploaded, Options{})
	if says == "gone at TikTok" { // by name it would be made again
		id := "9"
		if server == "sandbox" {
			a, _ := w.held()
			id = a.ID
		}
		w.config = strings.Replace(plainConfig, `name: "Lapsed customers"`, `id: "`+id+`"`, 1)
	}
	<-time.After(25 * time.Hour)
	w.people(1200, 1300)
	i = w.instance(tempDir(t))
	i.deps.API = tt
	if err := Ask(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience, Request{At: time.Now(), Why: "test"}); err != nil {
		t.Fatal(err)
	}
	tt.say(answer)
	stop := i.serving()
	defer stop()
	<-time.After(5 * time.Second)
	synctest.Wait()
	told := i.status.Troubles("lapsed")
	if len(told) == 0 || tt.refused.IsZero() || !slices.ContainsFunc(told, func(s pipeline.TroubleSince) bool { return strings.Contains(s.What, says) }) {
		t.Errorf("after 5 s: got troubles %v, want one with %q", told, says)
	}
	<-time.After(lasts - 5*time.Second)
	tt.say(nil)
	ended := time.Now()
	within := 16 * time.Second
	if lasts > time.Minute {
		within = latestRetry + lookEvery
	}
	<-time.After(within)
	synctest.Wait()
	if list := i.status.Troubles("lapsed"); len(list) > 0 {
		t.Errorf("%v after the end: got troubles %v", time.Since(ended), list)
	}
	if server == "sandbox" {
		w.holdsTheTable()
	} else if slices.Sort(tt.holds); !slices.Equal(tt.holds, w.topic.members()) || tt.made != 2 {
		t.Errorf("TikTok holds %d members after %d changes, want the table's %d after 2", len(tt.holds), tt.made, len(w.topic.members()))
	}
	if len(w.letters.count) > 0 {
		t.Errorf("dead letters: got %v, want none", w.letters.count)
	}
}

func TestAReplaceThatIsRefusedIsToldWithWhatIsWrongWithTheAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tt, refused := newWorld(t, plainConfig), &texts{}, false
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.deps.API = tt
		i.upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		w.people(1200, 1300)
		tt.say(func(endpoint string) (int, string) { // it is deleted after it was looked at
			if refused = refused || endpoint == endpointUpdate; refused {
				return deleted(40007, "The object does not exist.")(endpoint)
			}
			return 0, ""
		})
		m := i.upload(Stopped, Options{})
		if !strings.Contains(m.Text, "gone at TikTok") || !strings.Contains(m.Text, "40007") || m.Again.IsZero() {
			t.Errorf("got %q, again at %v; want what is wrong, TikTok's answer, and another try", m.Text, m.Again)
		}
	})
}
