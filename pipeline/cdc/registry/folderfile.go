package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// folderFile is one file before it is connected with the others.
type folderFile struct {
	stem    string // the file's name without .avsc
	text    string
	name    string   // of the schema, if it is a named type
	defined []string // full names
	used    []string // full names it uses and does not define
}

func readFolderFile(dir fs.FS, stamp fileStamp) (*folderFile, error) {
	if stamp.size > avro.MaxSchemaText {
		return nil, fmt.Errorf("must be at most %d bytes", avro.MaxSchemaText)
	}
	text, err := fs.ReadFile(dir, stamp.name)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, errors.New("must be an Avro schema in JSON")
	}
	file := &folderFile{stem: strings.TrimSuffix(stamp.name, ".avsc"), text: string(text)}
	file.scan(tree, "")
	if len(file.defined) > 0 {
		file.name = file.defined[0]
	}
	return file, nil
}

// scan notes the names that a type defines and uses.
func (s *folderFile) scan(t any, namespace string) {
	switch t := t.(type) {
	case string:
		s.use(t, namespace)
	case []any:
		for _, branch := range t {
			s.scan(branch, namespace)
		}
	case map[string]any:
		s.scanObject(t, namespace)
	}
}

func (s *folderFile) scanObject(t map[string]any, namespace string) {
	switch t["type"] {
	case "record", "error", "enum", "fixed":
		namespace = s.define(t, namespace)
		fields, _ := t["fields"].([]any)
		for _, f := range fields {
			if f, ok := f.(map[string]any); ok {
				s.scan(f["type"], namespace)
			}
		}
	case "array":
		s.scan(t["items"], namespace)
	case "map":
		s.scan(t["values"], namespace)
	default:
		s.scan(t["type"], namespace)
	}
}

func (s *folderFile) define(t map[string]any, namespace string) string {
	name, _ := t["name"].(string)
	if space, ok := t["namespace"].(string); ok {
		namespace = space
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		namespace = name[:dot]
	} else if namespace != "" {
		name = namespace + "." + name
	}
	s.defined = append(s.defined, name)
	return namespace
}

func (s *folderFile) use(name, namespace string) {
	if _, primitive := avro.Primitives[name]; primitive {
		return
	}
	if namespace != "" && !strings.Contains(name, ".") {
		name = namespace + "." + name
	}
	if !slices.Contains(s.defined, name) && !slices.Contains(s.used, name) {
		s.used = append(s.used, name)
	}
}

// connect adds what the file uses of other files, what those use before them.
func (s *folderFile) connect(byName map[string]*folderFile, done map[*folderFile]bool, refs *[]avro.Reference) {
	for _, name := range s.used {
		other := byName[name]
		if other == nil || done[other] {
			continue
		}
		done[other] = true
		other.connect(byName, done, refs)
		*refs = append(*refs, avro.Reference{Name: name, Text: other.text})
	}
}

func (s *folderFile) list(src *avro.Source, named bool, byID map[ID]*avro.Source) {
	for _, crc := range fingerprintsOf(src) {
		byID[ID{Kind: FingerprintID, N: int64(crc)}] = src
	}
	if named && s.name != "" {
		byID[Named(s.name)] = src
	}
	id := s.id()
	if id.Kind != NoSchema {
		byID[id] = src
	}
	if id.Kind == NumberID {
		byID[ID{Kind: GlobalID, N: id.N}] = src
	}
}

// id is what the file's name says.
func (s *folderFile) id() ID {
	if n, err := strconv.ParseInt(s.stem, 10, 64); err == nil {
		return ID{Kind: NumberID, N: n}
	}
	if guid, ok := ParseGUID(s.stem); ok {
		return ID{Kind: GUIDID, GUID: guid}
	}
	return ID{}
}
