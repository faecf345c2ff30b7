package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// schemas is schemas.json: the registry's own answers, by the ids that records name and by the subjects they refer to.
type schemas struct {
	// ContentIDs holds GET {registry}/apis/ccompat/v7/schemas/ids/{id}.
	ContentIDs map[string]json.RawMessage `json:"content_ids,omitempty"`
	// GlobalIDs holds the same document for ids of Apicurio's other kind, put together from its own interface.
	GlobalIDs map[string]json.RawMessage `json:"global_ids,omitempty"`
	// Refused holds what the registry said instead of a content id's document: Apicurio does not hand out by id what it
	// cannot parse, such as a namespace with a hyphen, but does by the subject and version found here.
	Refused map[string]refusal `json:"refused,omitempty"`
	// Subjects holds GET {registry}/apis/ccompat/v7/subjects/{subject}/versions/{version}.
	Subjects map[string]map[string]json.RawMessage `json:"subjects,omitempty"`
}

type refusal struct {
	Status   int             `json:"status"`
	Body     json.RawMessage `json:"body"`
	Versions json.RawMessage `json:"versions"`
}

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type registry struct {
	address string
	http    *http.Client
	found   schemas
}

func newRegistry(address string) *registry {
	return &registry{
		address: address,
		http:    &http.Client{Timeout: 20 * time.Second},
		found:   schemas{map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]refusal{}, map[string]map[string]json.RawMessage{}},
	}
}

// collect asks for every schema the records name, and for what those schemas refer to.
func (g *registry) collect(ctx context.Context, framing string, records []record) (schemas, error) {
	for _, r := range records {
		for _, id := range idsOf(framing, r) {
			if err := g.addID(ctx, id); err != nil {
				return g.found, fmt.Errorf("%s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
	}
	return g.found, nil
}

// schemaID is an id as a record names it; the two kinds count apart.
type schemaID struct {
	global bool
	number uint64
}

func idsOf(framing string, r record) []schemaID {
	switch framing {
	case "confluent":
		return append(prefixID(r.Key, 4, false), prefixID(r.Value, 4, false)...)
	case "eight":
		return append(prefixID(r.Key, 8, true), prefixID(r.Value, 8, true)...)
	case "headers":
		return headerIDs(r.Headers)
	}
	return nil
}

func prefixID(payload *[]byte, size int, global bool) []schemaID {
	if payload == nil || len(*payload) < 1+size || (*payload)[0] != 0 {
		return nil
	}
	var wide [8]byte
	copy(wide[8-size:], (*payload)[1:1+size])
	return []schemaID{{global: global, number: binary.BigEndian.Uint64(wide[:])}}
}

func headerIDs(headers []header) []schemaID {
	var ids []schemaID
	for _, h := range headers {
		switch h.name {
		case "apicurio.key.globalId", "apicurio.value.globalId":
			ids = append(ids, schemaID{global: true, number: binary.BigEndian.Uint64(h.value)})
		case "apicurio.key.contentId", "apicurio.value.contentId":
			ids = append(ids, schemaID{number: binary.BigEndian.Uint64(h.value)})
		}
	}
	return ids
}

func (g *registry) addID(ctx context.Context, id schemaID) error {
	known, read := g.found.ContentIDs, g.byContentID
	if id.global {
		known, read = g.found.GlobalIDs, g.byGlobalID
	}
	number := strconv.FormatUint(id.number, 10)
	if _, ok := known[number]; ok {
		return nil
	}
	answer, err := read(ctx, number)
	if err != nil {
		return err
	}
	known[number] = answer
	return g.addReferences(ctx, answer)
}

func (g *registry) byContentID(ctx context.Context, number string) (json.RawMessage, error) {
	path := "/apis/ccompat/v7/schemas/ids/" + number
	answer, err := g.get(ctx, path)
	refused, ok := errors.AsType[*statusError](err)
	if !ok || refused.status != http.StatusBadRequest {
		return answer, err
	}
	versions, err := g.get(ctx, path+"/versions")
	if err != nil {
		return nil, err
	}
	g.found.Refused[number] = refusal{Status: refused.status, Body: refused.body, Versions: versions}
	return g.byFirstVersion(ctx, versions)
}

func (g *registry) byFirstVersion(ctx context.Context, versions json.RawMessage) (json.RawMessage, error) {
	var named []reference
	if err := json.Unmarshal(versions, &named); err != nil || len(named) == 0 {
		return nil, cmp.Or(err, errors.New("no version has this id"))
	}
	version := strconv.Itoa(named[0].Version)
	if err := g.addSubject(ctx, named[0].Subject, version); err != nil {
		return nil, err
	}
	return g.found.Subjects[named[0].Subject][version], nil
}

// byGlobalID asks Apicurio's own interface, because the compatible one knows content ids only.
func (g *registry) byGlobalID(ctx context.Context, number string) (json.RawMessage, error) {
	text, err := g.get(ctx, "/apis/registry/v3/ids/globalIds/"+number)
	if err != nil {
		return nil, err
	}
	answer, err := g.get(ctx, "/apis/registry/v3/ids/globalIds/"+number+"/references")
	if err != nil {
		return nil, err
	}
	var native []struct {
		Name       string `json:"name"`
		ArtifactID string `json:"artifactId"`
		Version    string `json:"version"`
	}
	if err := json.Unmarshal(answer, &native); err != nil {
		return nil, err
	}
	references := make([]reference, len(native))
	for i, n := range native {
		version, err := strconv.Atoi(n.Version)
		if err != nil {
			return nil, err
		}
		references[i] = reference{Name: n.Name, Subject: n.ArtifactID, Version: version}
	}
	return json.Marshal(map[string]any{"schema": string(text), "references": references})
}

func (g *registry) addReferences(ctx context.Context, answer json.RawMessage) error {
	var schema struct {
		References []reference `json:"references"`
	}
	if err := json.Unmarshal(answer, &schema); err != nil {
		return err
	}
	for _, ref := range schema.References {
		if err := g.addSubject(ctx, ref.Subject, strconv.Itoa(ref.Version)); err != nil {
			return err
		}
	}
	return nil
}

func (g *registry) addSubject(ctx context.Context, subject, version string) error {
	if _, ok := g.found.Subjects[subject][version]; ok {
		return nil
	}
	answer, err := g.get(ctx, "/apis/ccompat/v7/subjects/"+url.PathEscape(subject)+"/versions/"+version)
	if err != nil {
		return err
	}
	if g.found.Subjects[subject] == nil {
		g.found.Subjects[subject] = map[string]json.RawMessage{}
	}
	g.found.Subjects[subject][version] = answer
	return g.addReferences(ctx, answer)
}

func (g *registry) get(ctx context.Context, path string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.address+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := g.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = &statusError{path: path, status: response.StatusCode, body: body}
	}
	return body, err
}

// statusError is an answer that is not 200, with what it said.
type statusError struct {
	path   string
	status int
	body   []byte
}

func (e *statusError) Error() string { return fmt.Sprintf("GET %s: status %d", e.path, e.status) }
