package cdc

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
	text, err := os.ReadFile("testdata/debezium/" + name + "/schemas.json")
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

// What is read with the registry's answers must be what the capture says, however the ids travelled: four bytes, eight
// bytes, headers, and ids that Apicurio refuses because it cannot parse their schema.
func TestTheSchemasOfEveryCaptureComeFromTheRegistry(t *testing.T) {
	for _, c := range []struct{ name, framing, version string }{
		{"shop", "auto", "v3"}, {"headers", "auto", "v3"}, {"hyphen", "auto", "v3"},
		{"eight-bytes", "{id_bytes: 8}", "v3"}, {"eight-bytes", "{id_bytes: 8}", "v2"},
	} {
		t.Run(c.name+" "+c.version, func(t *testing.T) {
			capture := readCapture(t, "testdata/debezium/"+c.name)
			r := hurried(t, RegistryConfig{URL: URLs{"http://registry/apis/ccompat/v7"}},
				handled{apicurioOf(t, c.name, c.version)})
			framing, read := framingOf(t, c.framing), 0
			for _, record := range capture.records {
				if len(record.Value) > 0 {
					read++
					compareSchema(t, r, capture.schemas, framing, &record)
				}
			}
			if read < 10 {
				t.Errorf("got %d records, want those of the capture", read)
			}
		})
	}
}

func compareSchema(t *testing.T, r *Registry, want Schemas, framing Framing, record *pipeline.Record) {
	t.Helper()
	id, _, err := readFrame(framing, record, false)
	if err != nil {
		t.Fatalf("%s: %v", record.Position(), err)
	}
	got, err := r.Schema(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", record.Position(), err)
	}
	same, err := want.Schema(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != same.Text {
		t.Errorf("%s: got another text for schema %s", record.Position(), id)
	}
	gotType, err := parse(got)
	if err != nil {
		t.Fatalf("%s: parse: %v", record.Position(), err)
	}
	wantType, _ := parse(same)
	if !reflect.DeepEqual(gotType, wantType) {
		t.Errorf("%s: got another schema for %s", record.Position(), id)
	}
}

func TestAnUnknownGlobalIDIsRejectedByApicurio(t *testing.T) {
	r := hurried(t, RegistryConfig{URL: URLs{"http://registry/apis/ccompat/v7"}},
		handled{apicurioOf(t, "eight-bytes", "v3")})
	_, err := r.Schema(t.Context(), SchemaID{Kind: GlobalID, N: 999999})
	wantRejection(t, err, pipeline.SchemaNotFound, "globalId 999999")
}

func TestAGlobalIDIsNeverTakenForAContentIDOfApicurio(t *testing.T) {
	a := apicurioOf(t, "eight-bytes", "v3")
	a.ContentIDs = map[string]json.RawMessage{"999": json.RawMessage(described(`"int"`))}
	r := hurried(t, RegistryConfig{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{a})
	_, err := r.Schema(t.Context(), SchemaID{Kind: GlobalID, N: 999})
	wantRejection(t, err, pipeline.SchemaNotFound, "globalId 999")
}

func TestWithoutApicuriosOwnInterfaceAGlobalIDIsTheRegistrysID(t *testing.T) {
	docs := registryOf{"/apis/ccompat/v7/schemas/ids/7": described(`"int"`)}
	r := hurried(t, RegistryConfig{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{docs})
	src, err := r.Schema(t.Context(), SchemaID{Kind: GlobalID, N: 7})
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
	r := hurried(t, RegistryConfig{URL: URLs{"http://registry/apis/ccompat/v7"}}, handled{mux})
	src, err := r.Schema(t.Context(), SchemaID{Kind: GlobalID, N: 7})
	if err != nil || src.Text != `"long"` || !strings.Contains(asked.Load().(string), "references=DEREFERENCE") {
		t.Errorf("got %+v and %v after ?%v, want the schema with its references", src, err, asked.Load())
	}
}
