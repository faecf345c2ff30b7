package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unlisted are the exported types of package pipeline that are parts of a word, not words.
var unlisted = map[string]string{
	"ReasonInfo":   "what the docs say of a Reason",
	"Header":       "a header of a Record, Kafka's word",
	"Source":       "where a Change is from",
	"TroubleKind":  "the kind of a Trouble",
	"TroubleSince": "a Trouble and its beginning",
	"Scope":        "how far an Answer reaches",
}

var glossaryRow = regexp.MustCompile("(?m)^\\| ([A-Z][A-Za-z -]+) \\| [^|]+ \\| `([^`]+)` \\|$")

// TestEveryWordIsWhereTheGlossarySays holds the table of docs/architecture.md to the code, both ways.
func TestEveryWordIsWhereTheGlossarySays(t *testing.T) {
	words := map[string]bool{}
	for _, row := range glossaryRow.FindAllStringSubmatch(architecture(t), -1) {
		word, place := row[1], row[2]
		if words[word] {
			t.Errorf("%s is in the glossary twice: one word, one idea", word)
		}
		words[word] = true
		folder, name, _ := strings.Cut(place, ".")
		if types, err := typesOf(t, folder); err != nil || name != "" && !types[name] {
			t.Errorf("%s: there is no %s (%v)", word, place, err)
		}
	}
	if len(words) < 40 {
		t.Fatalf("%d words; the test looks at nothing", len(words))
	}
	types, err := typesOf(t, "pipeline")
	if err != nil {
		t.Fatal(err)
	}
	for name := range types {
		if ast.IsExported(name) && !words[name] && unlisted[name] == "" {
			t.Errorf("pipeline.%s is not in the glossary of docs/architecture.md", name)
		}
	}
	for name := range unlisted {
		if !types[name] || words[name] {
			t.Errorf("%s is left out of the glossary for nothing", name)
		}
	}
}

func architecture(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// typesOf lists the types a folder of the module declares, tests left out.
func typesOf(t *testing.T, folder string) (map[string]bool, error) {
	t.Helper()
	root := filepath.Join("../..", folder)
	if _, err := os.Stat(root); err != nil {
		return nil, err
	}
	files, err := fs.Glob(os.DirFS(root), "*.go")
	if err != nil {
		return nil, err
	}
	types := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declared := range parsed.Decls {
			if group, ok := declared.(*ast.GenDecl); ok {
				for _, spec := range group.Specs {
					if named, ok := spec.(*ast.TypeSpec); ok {
						types[named.Name.Name] = true
					}
				}
			}
		}
	}
	return types, nil
}
