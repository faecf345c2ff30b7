package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// handled answers requests with a handler, without a network: for tests with virtual time.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// registryAt is a Registry that does not wait for missing ids.
func registryAt(t testing.TB, urls ...string) *Registry {
	t.Helper()
	return hurried(t, Config{URL: urls}, nil)
}

func newRegistry(t testing.TB, cfg Config, transport http.RoundTripper) *Registry {
	t.Helper()
	return registryWith(t, settings.WithDefaults(cfg), transport)
}

// hurried is newRegistry that asks once for a missing id.
func hurried(t testing.TB, cfg Config, transport http.RoundTripper) *Registry {
	t.Helper()
	cfg = settings.WithDefaults(cfg)
	cfg.MissingRetry = 0
	return registryWith(t, cfg, transport)
}

func registryWith(t testing.TB, cfg Config, transport http.RoundTripper) *Registry {
	t.Helper()
	r, err := New(cfg, Deps{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fakeRegistry(t testing.TB) *srfake.Registry {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return fake
}

func idNumber(n int64) ID { return ID{Kind: NumberID, N: n} }

func recordSchema(name string, fields ...string) string {
	return `{"type":"record","name":"` + name + `","fields":[` + strings.Join(fields, ",") + `]}`
}

func ofType(name, typ string) string { return `{"name":"` + name + `","type":"` + typ + `"}` }

func wantRejection(t *testing.T, err error, reason pipeline.Reason, says string) {
	t.Helper()
	r, ok := errors.AsType[*pipeline.Rejection](err)
	if !ok || r.Reason != reason || !strings.Contains(r.Error(), says) {
		t.Errorf("got %v, want a rejection %s that says %q", err, reason, says)
	}
}

func wantTrouble(t *testing.T, err error, says string) {
	t.Helper()
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok || trouble.Kind != pipeline.TroubleRegistry || trouble.Stop || !strings.Contains(trouble.What, says) {
		t.Errorf("got %v, want trouble with the registry that says %q", err, says)
	}
}

func TestASchemaComesByNumberAndByGUID(t *testing.T) {
	fake, text := fakeRegistry(t), recordSchema("shop.Order", ofType("id", "long"))
	fake.SeedSchema("orders-value", 1, 42, sr.Schema{Schema: text})
	client, _ := sr.NewClient(sr.URLs(fake.URL()))
	byVersion, err := client.SchemaByVersion(t.Context(), "orders-value", 1)
	if err != nil {
		t.Fatal(err)
	}
	guid, ok := ParseGUID(byVersion.GUID)
	if !ok {
		t.Fatalf("got GUID %q from the fake", byVersion.GUID)
	}
	r := registryAt(t, fake.URL())
	for _, id := range []ID{idNumber(42), {Kind: GUIDID, GUID: guid}, {Kind: GlobalID, N: 42}} {
		src, err := r.Schema(t.Context(), id)
		if err != nil || src.Text != text || src.ID != id.String() {
			t.Errorf("%s: got %+v and %v, want the text", id, src, err)
		}
	}
	src, err := r.Latest(t.Context(), "orders-value")
	if err != nil || src.Text != text || src.ID != "42" {
		t.Errorf("latest: got %+v and %v, want the text and id 42", src, err)
	}
	if src, err := r.Latest(t.Context(), "nobody-value"); src != nil || err != nil {
		t.Errorf("latest of nobody: got %v and %v, want neither", src, err)
	}
}

func TestReferencesComeBeforeTheirUsersAndOnce(t *testing.T) {
	fake := fakeRegistry(t)
	ref := func(name string) sr.SchemaReference { return sr.SchemaReference{Name: name, Subject: name, Version: 1} }
	fake.SeedSchema("a.Leaf", 1, 1, sr.Schema{Schema: recordSchema("a.Leaf")})
	fake.SeedSchema("a.Left", 1, 2, sr.Schema{Schema: recordSchema("a.Left", ofType("x", "a.Leaf")), References: []sr.SchemaReference{ref("a.Leaf")}})
	fake.SeedSchema("a.Right", 1, 3, sr.Schema{Schema: recordSchema("a.Right", ofType("x", "a.Leaf")), References: []sr.SchemaReference{ref("a.Leaf")}})
	fake.SeedSchema("root-value", 1, 4, sr.Schema{Schema: recordSchema("a.Root", ofType("l", "a.Left"), ofType("r", "a.Right")),
		References: []sr.SchemaReference{ref("a.Left"), ref("a.Right")}})
	src, err := registryAt(t, fake.URL()).Schema(t.Context(), idNumber(4))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range src.References {
		names = append(names, r.Name)
	}
	if want := []string{"a.Leaf", "a.Left", "a.Right"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if _, err := avro.Parse(src); err != nil {
		t.Errorf("parse what came: %v", err)
	}
}

// registryOf answers paths with documents, each a JSON text; other paths with a registry's 404.
type registryOf map[string]string

func (docs registryOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	doc, ok := docs[r.URL.EscapedPath()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		doc = `{"error_code":40403,"message":"Schema not found"}`
	}
	io.WriteString(w, doc)
}

func TestAJSONSchemaIsGivenAsOneWithoutItsReferences(t *testing.T) {
	r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{registryOf{
		"/schemas/ids/1": `{"schema":"{\"type\":\"object\"}","schemaType":"JSON","references":[{"name":"a","subject":"gone","version":1}]}`}})
	src, err := r.Schema(t.Context(), idNumber(1))
	if err != nil || !src.JSON || src.Text != `{"type":"object"}` {
		t.Errorf("got %+v, %v, want the JSON Schema", src, err)
	}
}

func described(text string, refs ...string) string {
	var list []sr.SchemaReference
	for _, name := range refs {
		list = append(list, sr.SchemaReference{Name: name, Subject: name, Version: 1})
	}
	doc, _ := json.Marshal(map[string]any{"schema": text, "references": list})
	return string(doc)
}

func TestASchemaThatCannotBeUsedIsItsRowsRejection(t *testing.T) {
	deep, many := registryOf{}, registryOf{}
	for i := range 70 {
		deep[fmt.Sprintf("/subjects/r%d/versions/1", i)] = described(`"int"`, fmt.Sprintf("r%d", i+1))
	}
	deep["/schemas/ids/1"] = described(`"int"`, "r0")
	var names []string
	for i := range avro.MaxReferences + 1 {
		names = append(names, fmt.Sprintf("m%d", i))
		many["/subjects/"+names[i]+"/versions/1"] = described(`"int"`)
	}
	many["/schemas/ids/1"] = described(`"int"`, names...)
	long := recordSchema("a.A", ofType(strings.Repeat("x", avro.MaxSchemaText), "int"))
	for _, c := range []struct {
		name string
		docs registryOf
		says string
	}{
		{"a circle", registryOf{"/schemas/ids/1": described(`"int"`, "a"), "/subjects/a/versions/1": described(`"int"`, "b"),
			"/subjects/b/versions/1": described(`"int"`, "a")}, "circle"},
		{"a reference to itself", registryOf{"/schemas/ids/1": described(`"int"`, "a"), "/subjects/a/versions/1": described(`"int"`, "a")}, "circle"},
		{"too deep", deep, "64 deep"},
		{"too many", many, "512 references"},
		{"too long", registryOf{"/schemas/ids/1": described(long)}, "1048576 bytes"},
		{"an answer without end", registryOf{"/schemas/ids/1": described(strings.Repeat("x", 2*maxAnswer))}, "larger"},
		{"references too long together", registryOf{"/schemas/ids/1": described(`"int"`, "a", "b", "c", "d", "e", "f", "g", "h", "i"),
			"/subjects/a/versions/1": described(long[:avro.MaxSchemaText]), "/subjects/b/versions/1": described(long[:avro.MaxSchemaText]),
			"/subjects/c/versions/1": described(long[:avro.MaxSchemaText]), "/subjects/d/versions/1": described(long[:avro.MaxSchemaText]),
			"/subjects/e/versions/1": described(long[:avro.MaxSchemaText]), "/subjects/f/versions/1": described(long[:avro.MaxSchemaText]),
			"/subjects/g/versions/1": described(long[:avro.MaxSchemaText]), "/subjects/h/versions/1": described(long[:avro.MaxSchemaText]),
			"/subjects/i/versions/1": described(long[:avro.MaxSchemaText])}, "8388608 bytes"},
		{"Protobuf", registryOf{"/schemas/ids/1": `{"schema":"syntax","schemaType":"PROTOBUF"}`}, "PROTOBUF"},
		{"a reference that is no Avro", registryOf{"/schemas/ids/1": described(`"int"`, "a"), "/subjects/a/versions/1": `{"schema":"{}","schemaType":"JSON"}`}, "JSON"},
		{"no text", registryOf{"/schemas/ids/1": `{}`}, "text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{c.docs})
			_, err := r.Schema(t.Context(), idNumber(1))
			wantRejection(t, err, pipeline.SchemaUnreadable, c.says)
		})
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	const notFound, trouble = "not found", "trouble"
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	subjects := answer(200, `["a"]`)
	for _, c := range []struct {
		name         string
		ids, others  http.HandlerFunc // others: every other path, for the question whether the address is right
		meaning, say string
	}{
		{"schema not found", answer(404, `{"error_code":40403}`), subjects, notFound, "schema 7"},
		{"subject not found", answer(404, `{"error_code":40401}`), subjects, notFound, "schema 7"},
		{"deleted", answer(404, `{"error_code":40406}`), subjects, notFound, "schema 7"},
		{"a bare 404 of a registry", answer(404, "404 page not found"), subjects, notFound, "schema 7"},
		{"a 404 of another server", answer(404, "<html>"), answer(404, "<html>"), trouble, "path of the address"},
		{"422", answer(422, `{"error_code":42201}`), subjects, notFound, "schema 7"},
		{"401", answer(401, ""), subjects, trouble, "credentials"},
		{"403", answer(403, `{"error_code":403}`), subjects, trouble, "credentials"},
		{"a bare 404 and no rights", answer(404, ""), answer(403, ""), trouble, "credentials"},
		{"429", answer(429, ""), subjects, trouble, "status 429"},
		{"408", answer(408, ""), subjects, trouble, "status 408"},
		{"500", answer(500, `{"error_code":50001}`), subjects, trouble, "status 500"},
		{"503", answer(503, "<html>"), subjects, trouble, "status 503"},
		{"a login page", answer(200, "<html>"), subjects, trouble, "path of the address"},
		{"another JSON", answer(200, `[]`), subjects, trouble, "path of the address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/schemas/ids/7", c.ids)
			mux.Handle("/schemas/ids/7/versions", c.ids)
			mux.Handle("/", c.others)
			r := hurried(t, Config{URL: URLs{"http://registry"}}, handled{mux})
			_, err := r.Schema(t.Context(), idNumber(7))
			if c.meaning == notFound {
				wantRejection(t, err, pipeline.SchemaNotFound, c.say)
			} else {
				wantTrouble(t, err, c.say)
			}
		})
	}
}

func TestAnIDNoRegistryCanKnowIsNotAskedFor(t *testing.T) {
	asked := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("got a request for %s", r.URL) })
	r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{asked})
	for _, id := range []ID{idNumber(0), idNumber(-5), {Kind: GlobalID, N: -1}} {
		_, err := r.Schema(t.Context(), id)
		wantRejection(t, err, pipeline.SchemaNotFound, id.String())
	}
}

func TestARegistryThatIsAwayIsTrouble(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := registryAt(t, server.URL).Schema(t.Context(), idNumber(1))
	wantTrouble(t, err, "refused")
	wantTrouble(t, registryAt(t, server.URL).Ping(t.Context()), "refused")
}

func TestAMissingReferenceIsNamed(t *testing.T) {
	docs := registryOf{"/schemas/ids/1": described(`"int"`, "a.Gone")}
	r := hurried(t, Config{URL: URLs{"http://registry"}}, handled{docs})
	_, err := r.Schema(t.Context(), idNumber(1))
	wantRejection(t, err, pipeline.SchemaNotFound, "a.Gone version 1 is missing")
}

func TestAddressesAreTriedInTurnAndKeepTheirPath(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	ill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer ill.Close()
	for _, base := range []string{"", "/", "/apis/ccompat/v7", "/contexts/.shop", "/a/b/"} {
		well := httptest.NewServer(registryOf{strings.TrimRight(base, "/") + "/schemas/ids/5": described(`"int"`, "a b"),
			strings.TrimRight(base, "/") + "/subjects/a%20b/versions/1": described(`"long"`)})
		src, err := registryAt(t, dead.URL+base, ill.URL+base, well.URL+base).Schema(t.Context(), idNumber(5))
		if err != nil || src.Text != `"int"` || len(src.References) != 1 {
			t.Errorf("%q: got %+v and %v, want the schema and its reference", base, src, err)
		}
		well.Close()
	}
	_, err := registryAt(t, dead.URL, ill.URL).Schema(t.Context(), idNumber(5))
	wantTrouble(t, err, "status 503")
}

func TestOneRequestServesAllWhoAsk(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	fake := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-release
		io.WriteString(w, described(`"int"`))
	})
	r := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{fake})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if src, err := r.Schema(t.Context(), idNumber(1)); err != nil || src.Text != `"int"` {
				t.Errorf("got %v and %v, want the schema", src, err)
			}
		})
	}
	close(release)
	group.Wait()
	if _, err := r.Schema(t.Context(), idNumber(1)); err != nil || asked.Load() != 1 {
		t.Errorf("got %d requests and %v, want one", asked.Load(), err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	var asked atomic.Int32
	fake := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); io.WriteString(w, described(`"int"`)) })
	r := newRegistry(t, Config{URL: URLs{"http://registry"}, CacheSize: 2}, handled{fake})
	for _, id := range []int64{1, 2, 1, 3, 1, 2} { // 3 drives 2 out, 2 drives 3 out
		if _, err := r.Schema(t.Context(), idNumber(id)); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 4 {
		t.Errorf("got %d requests, want 4", asked.Load())
	}
	big := &avro.Source{Text: strings.Repeat("x", maxCached/2+1)}
	cache := newSchemaCache(10)
	for id := range int64(3) {
		cache.put(&cacheEntry{id: idNumber(id), src: big})
	}
	if cache.newest.Len() != 1 || cache.bytes != len(big.Text) {
		t.Errorf("got %d entries of %d bytes, want the last alone", cache.newest.Len(), cache.bytes)
	}
}

func TestEncryptedFieldsAreWarnedOfOnce(t *testing.T) {
	encrypting := `{"schema":"\"int\"","ruleSet":{"domainRules":[{"name":"e","kind":"TRANSFORM","type":"ENCRYPT","mode":"WRITEREAD","tags":["PII"]}]}}`
	for name, c := range map[string]struct {
		docs registryOf
		want int
	}{
		"a rule":            {registryOf{"/schemas/ids/1": encrypting}, 1},
		"a reference's":     {registryOf{"/schemas/ids/1": described(`"int"`, "a"), "/subjects/a/versions/1": encrypting}, 1},
		"the whole payload": {registryOf{"/schemas/ids/1": strings.ReplaceAll(strings.Replace(encrypting, "domainRules", "encodingRules", 1), `"ENCRYPT"`, `"ENCRYPT_PAYLOAD"`)}, 1},
		"disabled":          {registryOf{"/schemas/ids/1": strings.Replace(encrypting, `"name"`, `"disabled":true,"name"`, 1)}, 0},
		"another rule":      {registryOf{"/schemas/ids/1": strings.Replace(encrypting, "ENCRYPT", "CEL", 1)}, 0},
	} {
		var log strings.Builder
		r, err := New(settings.WithDefaults(Config{URL: URLs{"http://registry"}}),
			Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Transport: handled{c.docs}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := r.Schema(t.Context(), idNumber(1)); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(log.String(), "encrypted"); got != c.want {
			t.Errorf("%s: got %d warnings, want %d", name, got, c.want)
		}
	}
}

func TestWithoutARegistryOrFolderARecordWithAnIDStopsTheSync(t *testing.T) {
	_, err := newRegistry(t, Config{}, nil).Schema(t.Context(), idNumber(1))
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok || !trouble.Stop || trouble.Kind != pipeline.TroubleConfig {
		t.Errorf("got %v, want trouble that stops", err)
	}
}

func TestACancelledCallEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newRegistry(t, Config{URL: URLs{"http://registry"}}, handled{registryOf{}}).Schema(ctx, idNumber(1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestARejectionIsTheCallersOwn(t *testing.T) {
	r := hurried(t, Config{URL: URLs{"http://registry"}}, handled{registryOf{}})
	for range 3 {
		_, err := r.Schema(t.Context(), idNumber(1))
		rejection, _ := errors.AsType[*pipeline.Rejection](err)
		if rejection.EventID != "" {
			t.Fatal("got what another caller wrote into its rejection")
		}
		rejection.EventID = "mine"
	}
}

// breaks panics once.
type breaks struct {
	http.Handler
	done *atomic.Bool
}

func (b breaks) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.done.CompareAndSwap(false, true) {
		panic("a fault")
	}
	return handled{b.Handler}.RoundTrip(r)
}

func TestAFaultInOneCallDoesNotHoldUpTheNext(t *testing.T) {
	docs := registryOf{"/schemas/ids/1": described(`"int"`)}
	r := newRegistry(t, Config{URL: URLs{"http://registry"}}, breaks{docs, new(atomic.Bool)})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("got no panic from the first call")
			}
		}()
		r.Schema(t.Context(), idNumber(1))
	}()
	if src, err := r.Schema(t.Context(), idNumber(1)); err != nil || src.Text != `"int"` {
		t.Errorf("got %v and %v, want the schema", src, err)
	}
}
