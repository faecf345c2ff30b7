package settings

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxText   = 1 << 20 // bytes of YAML
	maxDepth  = 64      // levels
	maxValues = 100_000 // values after aliases are followed
)

// Load reads the text into a pointer to a struct. It always returns a Report; values that could not be read are left as
// they were, so that Validate can go on to find more. Problems reported later, at Root of the same Report, find their
// lines too.
func Load(text []byte, into any, env Lookup) *Report {
	r := &Report{loading: true}
	defer func() { r.loading = false }()
	if body := parse(r, text); body != nil {
		c := converter{report: r, env: env, anchors: map[string]*Node{}}
		r.root = c.convert(body, "", 1)
	}
	if r.root != nil {
		r.root.Decode(into, Root(r))
	}
	return r
}

// parse finds the one document of the text; nil when there is none or it cannot be read.
func parse(r *Report, text []byte) ast.Node {
	if len(text) > maxText {
		r.add(0, "", "the configuration is larger than 1 MiB", "", false)
		return nil
	}
	file, err := parseFile(string(text))
	if err != nil {
		r.add(lineOf(err), "", "not valid YAML: "+message(err), "", false)
		return nil
	}
	return onlyDocument(r, file)
}

func onlyDocument(r *Report, file *ast.File) ast.Node {
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.DirectiveType:
		case body == nil:
			body = doc.Body
		default:
			r.add(doc.Body.GetToken().Position.Line, "", "only one YAML document is read", "take out the --- line", false)
		}
	}
	return body
}

var (
	errTooDeep = errors.New("nested deeper than 64 levels")
	errParser  = errors.New("the parser does not understand it")
)

// parseFile guards a parser that recurses, and that was written for friendly input.
func parseFile(text string) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errParser
		}
	}()
	tokens := lexer.Tokenize(text)
	if tk := tooDeep(tokens); tk != nil {
		return nil, &yaml.SyntaxError{Message: errTooDeep.Error(), Token: tk}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// tooDeep finds the token that opens one level too many: by brackets, or by marks that nest within one line. Nesting by
// indentation needs a text that grows with the square of the depth.
func tooDeep(tokens token.Tokens) *token.Token {
	open, marks, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			marks, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			marks++
		}
		if open > maxDepth || marks > maxDepth || tk.Position.IndentLevel > maxDepth {
			return tk
		}
	}
	return nil
}

func lineOf(err error) int {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return e.GetToken().Position.Line
	}
	return 0
}

// message is the parser's own sentence without the excerpt of the text it likes to add: there may be a secret in it.
func message(err error) string {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		first, _, _ := strings.Cut(e.GetMessage(), "\n")
		return first
	}
	return errParser.Error()
}
