package registry

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// apicurio answers as the registry did from which a capture's schemas were taken.
type apicurio struct {
	ContentIDs map[string]json.RawMessage            `json:"content_ids"`
	GlobalIDs  map[string]apicurioDocument           `json:"global_ids"`
	Subjects   map[string]map[string]json.RawMessage `json:"subjects"`
	Refused    map[string]struct {
		Status   int
		Body     json.RawMessage
		Versions json.RawMessage
	} `json:"refused"`
	version string // of its own interface
}

type apicurioDocument struct {
	Schema     string
	References []struct {
		Name    string
		Subject string
		Version int
	}
}

func apicurioOf(t *testing.T, name, version string) *apicurio {
	t.Helper()
	text, err := os.ReadFile("../testdata/debezium/" + name + "/schemas.json")
	if err != nil {
		t.Fatal(err)
	}
	a := &apicurio{version: version}
	if err := json.Unmarshal(text, a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *apicurio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/ccompat/v7/schemas/ids/{id}", a.byContentID)
	mux.HandleFunc("GET /apis/ccompat/v7/schemas/ids/{id}/versions", func(w http.ResponseWriter, r *http.Request) {
		w.Write(a.Refused[r.PathValue("id")].Versions)
	})
	mux.HandleFunc("GET /apis/ccompat/v7/subjects/{subject}/versions/{version}", func(w http.ResponseWriter, r *http.Request) {
		found(w, a.Subjects[r.PathValue("subject")][r.PathValue("version")])
	})
	mux.HandleFunc("GET /apis/ccompat/v7/subjects", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") })
	mux.HandleFunc("GET /apis/registry/"+a.version+"/system/info", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	mux.HandleFunc("GET /apis/registry/"+a.version+"/ids/globalIds/{id}", func(w http.ResponseWriter, r *http.Request) {
		found(w, []byte(a.GlobalIDs[r.PathValue("id")].Schema))
	})
	mux.HandleFunc("GET /apis/registry/"+a.version+"/ids/globalIds/{id}/references", a.references)
	mux.ServeHTTP(w, r)
}

func (a *apicurio) byContentID(w http.ResponseWriter, r *http.Request) {
	if refused, ok := a.Refused[r.PathValue("id")]; ok {
		w.WriteHeader(refused.Status)
		w.Write(refused.Body)
		return
	}
	found(w, a.ContentIDs[r.PathValue("id")])
}

func (a *apicurio) references(w http.ResponseWriter, r *http.Request) {
	doc, ok := a.GlobalIDs[r.PathValue("id")]
	list := []map[string]any{}
	for _, ref := range doc.References {
		list = append(list, map[string]any{"groupId": nil, "artifactId": ref.Subject, "version": strconv.Itoa(ref.Version), "name": ref.Name})
	}
	text, _ := json.Marshal(list)
	if !ok {
		text = nil
	}
	found(w, text)
}

func found(w http.ResponseWriter, text []byte) {
	if len(text) == 0 {
		w.WriteHeader(http.StatusNotFound)
		text = []byte(`{"status":404,"title":"No such thing"}`)
	}
	w.Write(text)
}

// source is a schema and what it refers to, as the capture has them.
func (a *apicurio) source(t *testing.T, document []byte, id string) *avro.Source {
	t.Helper()
	var doc apicurioDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	src := &avro.Source{Text: doc.Schema, ID: id}
	for _, ref := range doc.References {
		of := a.source(t, a.Subjects[ref.Subject][strconv.Itoa(ref.Version)], id)
		src.References = append(append(src.References, of.References...), avro.Reference{Name: ref.Name, Text: of.Text})
	}
	return src
}

// What the registry answers must be what the capture says, for every id: those that Apicurio refuses because it cannot
// parse their schema, and those of its own numbers.
func TestTheSchemasOfEveryCaptureComeFromTheRegistry(t *testing.T) {
	for _, c := range []struct{ name, version string }{{"shop", "v3"}, {"headers", "v3"}, {"hyphen", "v3"}, {"eight-bytes", "v3"}, {"eight-bytes", "v2"}} {
		t.Run(c.name+" "+c.version, func(t *testing.T) {
			a := apicurioOf(t, c.name, c.version)
			r := hurried(t, Config{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{a})
			read := 0
			for kind, documents := range map[IDKind]map[string]json.RawMessage{NumberID: a.ContentIDs, GlobalID: a.globals()} {
				for text, document := range documents {
					n, _ := strconv.ParseInt(text, 10, 64)
					compareSchema(t, r, ID{Kind: kind, N: n}, a.source(t, document, text))
					read++
				}
			}
			if read < 6 {
				t.Errorf("got %d schemas, want those of the capture", read)
			}
		})
	}
}

func (a *apicurio) globals() map[string]json.RawMessage {
	documents := map[string]json.RawMessage{}
	for id, doc := range a.GlobalIDs {
		documents[id], _ = json.Marshal(doc)
	}
	return documents
}

func compareSchema(t *testing.T, r *Registry, id ID, want *avro.Source) {
	t.Helper()
	got, err := r.Schema(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	if got.Text != want.Text {
		t.Errorf("got another text for schema %s", id)
	}
	gotType, err := avro.Parse(got)
	if err != nil {
		t.Fatalf("%s: parse: %v", id, err)
	}
	wantType, err := avro.Parse(want)
	if err != nil || !reflect.DeepEqual(gotType, wantType) {
		t.Errorf("got another schema for %s, error %v", id, err)
	}
}

func TestAnUnknownGlobalIDIsRejectedByApicurio(t *testing.T) {
	r := hurried(t, Config{URL: URLs{"http://registry/apis/ccompat/v7"}},
		handled{apicurioOf(t, "eight-bytes", "v3")})
	_, err := r.Schema(t.Context(), ID{Kind: GlobalID, N: 999999})
	wantRejection(t, err, pipeline.SchemaNotFound, "globalId 999999")
}

func TestAGlobalIDIsNeverTakenForAContentIDOfApicurio(t *testing.T) {
	a := apicurioOf(t, "eight-bytes", "v3")
	a.ContentIDs = map[string]json.RawMessage{"999": json.RawMessage(described(`"int"`))}
	r := hurried(t, Config{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{a})
	_, err := r.Schema(t.Context(), ID{Kind: GlobalID, N: 999})
	wantRejection(t, err, pipeline.SchemaNotFound, "globalId 999")
}

func TestWithoutApicuriosOwnInterfaceAGlobalIDIsTheRegistrysID(t *testing.T) {
	docs := registryOf{"/apis/ccompat/v7/schemas/ids/7": described(`"int"`)}
	r := hurried(t, Config{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{docs})
	src, err := r.Schema(t.Context(), ID{Kind: GlobalID, N: 7})
	if err != nil || src.Text != `"int"` {
		t.Errorf("got %v and %v, want the schema", src, err)
	}
}

func TestReferencesIntoOtherGroupsAreWrittenIntoTheSchema(t *testing.T) {
	var asked atomic.Value
	mux := http.NewServeMux()
	mux.HandleFunc("/apis/registry/v3/ids/globalIds/7/references", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `[{"groupId":"shop","artifactId":"a.B","version":"1","name":"a.B"}]`)
	})
	mux.HandleFunc("/apis/registry/v3/ids/globalIds/7", func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.RawQuery)
		io.WriteString(w, `"long"`)
	})
	r := hurried(t, Config{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{mux})
	src, err := r.Schema(t.Context(), ID{Kind: GlobalID, N: 7})
	if err != nil || src.Text != `"long"` || !strings.Contains(asked.Load().(string), "references=DEREFERENCE") {
		t.Errorf("got %+v and %v after ?%v, want the schema with its references", src, err, asked.Load())
	}
}
