package settings

import (
	"bytes"
	"errors"
	"io"
	"reflect"

	"go.yaml.in/yaml/v4"
)

const (
	maxText   = 1 << 20 // bytes of YAML
	maxDepth  = 64      // levels
	maxValues = 100_000 // values after aliases are followed
)

// Load fills a pointer to a struct with its defaults and reads the text into it. It always returns a Report; values that
// could not be read are left as they were, so that Validate can go on to find more. Problems reported later, at Root of the same Report, find their
// lines too.
func Load(text []byte, into any, env Lookup) *Report {
	r := &Report{loading: true}
	defer func() { r.loading = false }()
	fill(reflect.ValueOf(into).Elem())
	r.of = reflect.TypeOf(into).Elem()
	r.root = read(r, text, env)
	r.root.Decode(into, Root(r))
	return r
}

// read makes the Node of the whole text. An empty text is null: every required key is missing from it. Of a text that
// cannot be read it is not known what is missing, so its Node is broken and nothing more is said about it.
func read(r *Report, text []byte, env Lookup) *Node {
	if len(text) > maxText {
		r.add(position{}, "", "the configuration is larger than 1 MiB", "one file is read: see that it is the right one", false)
		return &Node{broken: true}
	}
	body, err := parse(r, text)
	if err != nil {
		r.problems = append(r.problems, unreadable(text, err))
		return &Node{broken: true}
	}
	c := converter{report: r, env: env, done: map[*yaml.Node]*Node{}}
	return c.convert(body, "", position{1, 1})
}

var errParser = errors.New("the parser does not understand it")

// parse gives the one document of the text, nil when there is none. It guards against faults of the parser.
func parse(r *Report, text []byte) (body *yaml.Node, err error) {
	defer func() {
		if recover() != nil {
			err = errParser
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithUniqueKeys(false))
	if err != nil {
		return nil, err
	}
	body, err = document(loader)
	if body == nil || err != nil {
		return nil, err
	}
	if second, err := document(loader); second != nil {
		r.add(start(second), "", "only one YAML document is read", "take out the --- line", false)
	} else if err != nil {
		return nil, err
	}
	return body, nil
}

// document reads the next one, nil at the end.
func document(loader *yaml.Loader) (*yaml.Node, error) {
	var doc yaml.Node
	err := loader.Load(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case doc.Kind == yaml.DocumentNode && len(doc.Content) == 1:
		return doc.Content[0], nil
	}
	return &doc, nil
}
