package registry

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// document is a schema as the registry describes it.
type document struct {
	ID         int                  `json:"id"`
	Schema     string               `json:"schema"`
	Type       string               `json:"schemaType"`
	References []sr.SchemaReference `json:"references"`
	RuleSet    ruleSet              `json:"ruleSet"`
}

// ruleSet is what Confluent's registry wants done with values. Only encryption matters here.
type ruleSet struct {
	Domain   []rule `json:"domainRules"`
	Encoding []rule `json:"encodingRules"`
}

type rule struct {
	Type     string `json:"type"`
	Disabled bool   `json:"disabled"`
}

func (r ruleSet) encrypts() bool {
	for _, rule := range append(r.Domain, r.Encoding...) {
		if strings.HasPrefix(rule.Type, "ENCRYPT") && !rule.Disabled {
			return true
		}
	}
	return false
}

// ask looks once, in the folder and at the registry. errMissing: neither has it.
func (r *Registry) ask(ctx context.Context, id ID) (*avro.Source, error) {
	if r.folder != nil {
		if src := r.folder.find(id); src != nil {
			return src, nil
		}
	}
	switch {
	case r.client == nil && r.folder == nil:
		return nil, &pipeline.Trouble{Kind: pipeline.TroubleConfig, Stop: true,
			What: "read a record with " + id.label() + ": neither schema_registry.url nor folder is set"}
	case r.client == nil || id.Kind == NamedID:
		return nil, errMissing
	case id.Kind == FingerprintID:
		return r.byFingerprint(ctx, uint64(id.N))
	}
	doc, err := r.document(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.source(ctx, id.String(), doc)
}

func (r *Registry) document(ctx context.Context, id ID) (*document, error) {
	switch id.Kind {
	case GUIDID:
		return r.get(ctx, id.label(), "/schemas/guids/"+id.String())
	case GlobalID:
		if len(r.native) > 0 {
			return r.byGlobalID(ctx, strconv.FormatInt(id.N, 10))
		}
	}
	return r.byNumber(ctx, strconv.FormatInt(id.N, 10))
}

// byNumber asks by id. Apicurio refuses to hand out by id what it cannot parse itself, a namespace with a hyphen say, but
// gives it by subject and version.
func (r *Registry) byNumber(ctx context.Context, number string) (*document, error) {
	path := "/schemas/ids/" + number
	var doc document
	err := r.client.get(ctx, "schema "+number, path, &doc)
	if !errors.Is(err, errOdd) {
		return &doc, err
	}
	var versions []sr.SubjectVersion
	err = r.client.get(ctx, "the versions of schema "+number, path+"/versions", &versions)
	if err != nil || len(versions) == 0 {
		return nil, r.settled(ctx, err)
	}
	return r.version(ctx, versions[0].Subject, strconv.Itoa(versions[0].Version))
}

// version asks for a version of a subject; "latest" is one.
func (r *Registry) version(ctx context.Context, subject, version string) (*document, error) {
	return r.get(ctx, "subject "+subject+" version "+version, "/subjects/"+url.PathEscape(subject)+"/versions/"+version)
}

// get asks for one document, and makes up its mind about odd answers.
func (r *Registry) get(ctx context.Context, what, path string) (*document, error) {
	var doc document
	if err := r.client.get(ctx, what, path, &doc); err != nil {
		return nil, r.settled(ctx, err)
	}
	return &doc, nil
}

// settled decides what a refusal without a registry's error code means: if the registry answers otherwise, it does not
// know what was asked for; if not, the address is wrong and no row's fault.
func (r *Registry) settled(ctx context.Context, err error) error {
	if err != nil && !errors.Is(err, errOdd) {
		return err
	}
	if err := r.Ping(ctx); err != nil {
		return err
	}
	return errMissing
}

// Ping asks the registry for something it always has. The error is a *pipeline.Trouble or the context's.
func (r *Registry) Ping(ctx context.Context) error {
	if r.client == nil {
		return nil
	}
	var subjects []string
	err := r.client.get(sr.WithParams(ctx, sr.Limit(1)), "its subjects", "/subjects", &subjects)
	switch {
	case errors.Is(err, errAnswerTooLarge):
		return nil
	case errors.Is(err, errOdd), errors.Is(err, errMissing):
		return r.client.trouble("its subjects", "it does not know that path: is the path of the address right?")
	}
	return err
}

// Latest gives the newest schema of a subject, for checks; its ID is the registry's number. Without such a subject both
// results are nil. Errors are those of Schema.
func (r *Registry) Latest(ctx context.Context, subject string) (*avro.Source, error) {
	if r.client == nil {
		return nil, nil
	}
	doc, err := r.version(ctx, subject, "latest")
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	id := ID{Kind: NumberID}
	if err == nil {
		id.N = int64(doc.ID)
		var src *avro.Source
		if src, err = r.source(ctx, id.String(), doc); err == nil {
			return src, nil
		}
	}
	return nil, rejectionOf(id, err)
}
