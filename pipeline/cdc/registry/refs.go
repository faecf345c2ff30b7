package registry

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

const (
	maxReferenceDepth = 64      // references of references
	maxReferenceText  = 8 << 20 // bytes of a schema's references together
)

// source puts a schema and everything it refers to together. The references are this schema's own: the same name may mean
// something else in another version.
func (r *Registry) source(ctx context.Context, id string, doc *document) (*avro.Source, error) {
	g := gatherer{registry: r, open: map[string]bool{}, done: map[string]bool{}, encrypted: doc.RuleSet.encrypts()}
	src := &avro.Source{Text: doc.Schema, ID: id, JSON: strings.EqualFold(doc.Type, "JSON")}
	if src.JSON {
		return src, sized(doc) // its references describe parts of values that are read for what they are
	}
	if err := usable(doc); err != nil {
		return nil, err
	}
	if err := g.all(ctx, doc.References); err != nil {
		return nil, err
	}
	if g.encrypted {
		r.log.Warn("the schema has fields that are encrypted by the producer; they are not decrypted here, do not map them", "schema_id", id)
	}
	src.References = g.found
	return src, nil
}

func usable(doc *document) error {
	if doc.Type != "" && !strings.EqualFold(doc.Type, "AVRO") {
		return &unusable{"must be Avro, and is " + avro.Clip(doc.Type, 40)}
	}
	return sized(doc)
}

func sized(doc *document) error {
	switch {
	case doc.Schema == "":
		return &unusable{"must have a text"}
	case len(doc.Schema) > avro.MaxSchemaText:
		return &unusable{"must be at most " + strconv.Itoa(avro.MaxSchemaText) + " bytes"}
	}
	return nil
}

// gatherer collects references depth first, so that each comes behind those it uses.
type gatherer struct {
	registry  *Registry
	found     []avro.Reference
	bytes     int
	open      map[string]bool // those it is inside of
	done      map[string]bool
	asked     int
	encrypted bool
}

func (g *gatherer) all(ctx context.Context, refs []sr.SchemaReference) error {
	for _, ref := range refs {
		version := ref.Subject + " version " + strconv.Itoa(ref.Version)
		switch {
		case g.open[version]:
			return &unusable{"its references go in a circle: " + avro.Clip(version, 200)}
		case g.done[ref.Name+" "+version]:
			continue
		case len(g.open) >= maxReferenceDepth || g.asked >= avro.MaxReferences:
			return &unusable{"must have at most " + strconv.Itoa(avro.MaxReferences) + " references, " + strconv.Itoa(maxReferenceDepth) + " deep"}
		}
		if err := g.one(ctx, ref, version); err != nil {
			return err
		}
		g.done[ref.Name+" "+version] = true
	}
	return nil
}

func (g *gatherer) one(ctx context.Context, ref sr.SchemaReference, version string) error {
	g.asked++
	doc, err := g.registry.version(ctx, ref.Subject, strconv.Itoa(ref.Version))
	switch {
	case errors.Is(err, errMissing):
		return &missing{"the reference " + avro.Clip(version, 200)}
	case err == nil:
		err = usable(doc)
	}
	if err != nil {
		return err
	}
	if g.bytes += len(doc.Schema); g.bytes > maxReferenceText {
		return &unusable{"must have references of at most " + strconv.Itoa(maxReferenceText) + " bytes"}
	}
	g.open[version] = true
	defer delete(g.open, version)
	if err := g.all(ctx, doc.References); err != nil {
		return err
	}
	g.encrypted = g.encrypted || doc.RuleSet.encrypts()
	g.found = append(g.found, avro.Reference{Name: ref.Name, Text: doc.Schema})
	return nil
}
