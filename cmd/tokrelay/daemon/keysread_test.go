package daemon

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/tokrelay/tokrelay"
	moduleRoot = "../../.."
)

// checksAndDefaults are functions whose look at a key does not make anything of it.
var checksAndDefaults = regexp.MustCompile(`(?i)^(validate|check|withdefaults|decodenode|encodeyaml|jsonschema|format$)`)

// TestEveryKeyOfTheConfigurationIsRead finds keys that are documented, checked, and then do nothing: each field with a yaml tag
// is read in product code, by something else than its validation and its defaults.
func TestEveryKeyOfTheConfigurationIsRead(t *testing.T) {
	m := &module{files: token.NewFileSet(), packages: map[string]*types.Package{}, read: map[string]bool{}}
	m.all(t)
	keys := map[string]string{}
	collectKeys(reflect.TypeFor[Config](), "", keys, map[reflect.Type]bool{})
	if len(keys) < 150 {
		t.Fatalf("found %d keys only", len(keys))
	}
	for field, key := range keys {
		if !m.read[field] {
			t.Errorf("%s (%s) is never read", key, field)
		}
	}
}

// collectKeys lists the fields with a yaml tag of a type and what it is made of.
func collectKeys(of reflect.Type, at string, keys map[string]string, seen map[reflect.Type]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectKeys(of.Elem(), at, keys, seen)
	case reflect.Struct:
		if seen[of] || !strings.HasPrefix(of.PkgPath(), modulePath) {
			return
		}
		seen[of] = true
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "-" || name == "" && !f.Anonymous {
				continue
			}
			key := strings.TrimPrefix(at+"."+name, ".")
			if !f.Anonymous {
				keys[of.PkgPath()+"."+of.Name()+"."+f.Name] = key
			}
			collectKeys(f.Type, key, keys, seen)
		}
	}
}

// module type-checks the product's packages from their source. What they import from elsewhere is left empty, and the errors
// this makes are passed over: types of the configuration are all our own.
type module struct {
	files    *token.FileSet
	packages map[string]*types.Package
	read     map[string]bool // "package path.Type.Field"
}

func (m *module) all(t *testing.T) {
	err := filepath.WalkDir(moduleRoot, func(dir string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return err
		case dir != moduleRoot && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		}
		in, err := filepath.Rel(moduleRoot, dir)
		if err == nil {
			_, err = m.Import(path.Join(modulePath, filepath.ToSlash(in)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Import is called by the type checker.
func (m *module) Import(of string) (*types.Package, error) {
	if p := m.packages[of]; p != nil {
		return p, nil
	}
	in, ours := strings.CutPrefix(of, modulePath)
	dir, err := build.ImportDir(filepath.Join(moduleRoot, in), 0)
	if !ours || err != nil {
		p := types.NewPackage(of, path.Base(of))
		p.MarkComplete()
		m.packages[of] = p
		return p, nil
	}
	var files []*ast.File
	for _, name := range dir.GoFiles {
		f, err := parser.ParseFile(m.files, filepath.Join(dir.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	p, _ := (&types.Config{Importer: m, Error: func(error) {}}).Check(of, m.files, files, info)
	m.packages[of] = p
	for _, f := range files {
		m.note(f, info)
	}
	return p, nil
}

// note finds the fields that a file's functions read.
func (m *module) note(f *ast.File, info *types.Info) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && checksAndDefaults.MatchString(fn.Name.Name) {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && info.Selections[s] != nil && info.Selections[s].Kind() == types.FieldVal {
				m.read[ownerOf(info.Selections[s])] = true
			}
			return true
		})
	}
}

// ownerOf names a field by the struct it is declared in, which may be embedded in what it is selected from.
func ownerOf(s *types.Selection) string {
	of := s.Recv()
	for i, at := range s.Index() {
		if p, ok := of.Underlying().(*types.Pointer); ok {
			of = p.Elem()
		}
		in, ok := of.Underlying().(*types.Struct)
		if !ok {
			return ""
		}
		if i == len(s.Index())-1 {
			named, _ := types.Unalias(of).(*types.Named)
			if named == nil || named.Obj().Pkg() == nil {
				return ""
			}
			return named.Obj().Pkg().Path() + "." + named.Obj().Name() + "." + s.Obj().Name()
		}
		of = in.Field(at).Type()
	}
	return ""
}
