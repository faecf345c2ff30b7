package registry

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// compatible is the part of Apicurio's addresses where its Confluent-compatible interface begins. It knows contentIds; only
// Apicurio's other interface knows globalIds, which older producers write.
const compatible = "/apis/ccompat/"

// nativeURLs gives the addresses of Apicurio's own interface, in versions 3 and 2; none for another registry.
func nativeURLs(urls []string) [][]string {
	var v3, v2 []string
	for _, address := range urls {
		base, _, ok := strings.Cut(address, compatible)
		if !ok {
			return nil
		}
		v3 = append(v3, base+"/apis/registry/v3")
		v2 = append(v2, base+"/apis/registry/v2")
	}
	return [][]string{v3, v2}
}

// byGlobalID asks the versions of Apicurio's interface in turn. Where none of them is, the registry is not Apicurio after
// all, and the number is taken for its id.
func (r *Registry) byGlobalID(ctx context.Context, number string) (*document, error) {
	for _, native := range r.native {
		doc, err := nativeDocument(ctx, native, number)
		if !errors.Is(err, errOdd) && !errors.Is(err, errMissing) {
			return doc, err
		}
	}
	for _, native := range r.native {
		var info struct{}
		err := native.get(ctx, "its version", "/system/info", &info)
		if err == nil {
			return nil, errMissing
		}
		if !errors.Is(err, errOdd) && !errors.Is(err, errMissing) {
			return nil, err
		}
	}
	return r.byNumber(ctx, number)
}

// nativeReference is a reference as Apicurio's own interface has it.
type nativeReference struct {
	Name       string `json:"name"`
	GroupID    string `json:"groupId"`
	ArtifactID string `json:"artifactId"`
	Version    string `json:"version"`
}

func nativeDocument(ctx context.Context, native *client, number string) (*document, error) {
	what, path := "schema globalId "+number, "/ids/globalIds/"+number
	var refs []nativeReference
	if err := native.get(ctx, what, path+"/references", &refs); err != nil {
		return nil, err
	}
	doc := &document{}
	for _, ref := range refs {
		version, err := strconv.Atoi(ref.Version)
		if err != nil || ref.GroupID != "" && ref.GroupID != "default" {
			return dereferenced(ctx, native, what, path)
		}
		doc.References = append(doc.References, sr.SchemaReference{Name: ref.Name, Subject: ref.ArtifactID, Version: version})
	}
	var text []byte
	err := native.get(ctx, what, path, &text)
	doc.Schema = string(text)
	return doc, err
}

// dereferenced lets Apicurio write the references into the schema: the compatible interface does not reach other groups.
func dereferenced(ctx context.Context, native *client, what, path string) (*document, error) {
	var text []byte
	params := sr.RawParams(url.Values{"references": {"DEREFERENCE"}, "dereference": {"true"}})
	err := native.get(sr.WithParams(ctx, params), what, path, &text)
	return &document{Schema: string(text)}, err
}
