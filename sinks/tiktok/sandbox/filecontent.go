package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// uploadTypes are the calculate_types of an upload and the hexadecimal length of their ids.
var uploadTypes = map[string]int{
	"EMAIL_SHA256": 64, "PHONE_SHA256": 64, "IDFA_SHA256": 64, "IDFA_MD5": 32, "GAID_SHA256": 64, "GAID_MD5": 32,
	"MAID_SHA256": 64, "MAID_MD5": 32, "FIRST_SHA256": 64, "FIRST_MD5": 32, multipleTypes: 0,
}

// tableTypes are the headers of a MULTIPLE_TYPES file; MAID is a raw device id.
var tableTypes = map[string]int{"MAID": 36, "PHONE_SHA256": 64, "EMAIL_SHA256": 64, "MAID_SHA256": 64, "MAID_MD5": 32}

// maxSameHeader is how often one header may be in a MULTIPLE_TYPES file.
const maxSameHeader = 3

// parsedFile is the content of a file, as far as it can be read.
type parsedFile struct {
	lines   int
	bad     int // lines that were left out
	badAt   int // the first of them
	members map[string][]member
}

func (p parsedFile) distinct() (n int) {
	for _, list := range p.members {
		n += len(list)
	}
	return n
}

// tidy sorts the members and drops repetitions.
func (p parsedFile) tidy() parsedFile {
	for kind, list := range p.members {
		slices.SortFunc(list, func(a, b member) int { return bytes.Compare(a[:], b[:]) })
		p.members[kind] = slices.Clip(slices.Compact(list))
	}
	return p
}

func badContent(line int) *refusal {
	return refuse(codeFileContent, "The file does not meet the requirements: line %d.", line+1)
}

// leaveOut notes a line that does not meet the requirements.
func (p *parsedFile) leaveOut(line int) {
	if p.bad == 0 {
		p.badAt = line
	}
	p.bad++
}

// parseList reads a file of one type: a hashed id a line, no header.
func parseList(file []byte, kind string, length int) parsedFile {
	p := parsedFile{members: map[string][]member{}}
	list := make([]member, 0, len(file)/(length+1)+1)
	for i, line := range lines(file) {
		id, ok := memberOf(line, length)
		if !ok {
			p.leaveOut(i)
			continue
		}
		list = append(list, id)
		p.lines++
	}
	p.members[kind] = list
	return p.tidy()
}

func memberOf(text []byte, length int) (m member, ok bool) {
	if !anyHex(text, length) {
		return m, false
	}
	_, err := hex.Decode(m[:], text)
	return m, err == nil
}

// parseTable reads a MULTIPLE_TYPES file: a header, then rows of as many fields. A field may be empty, a row may not.
func parseTable(file []byte) (parsedFile, *refusal) {
	p := parsedFile{members: map[string][]member{}}
	var kinds []string
	for i, line := range lines(file) {
		if i == 0 {
			var ok bool
			if kinds, ok = headerOf(line); !ok {
				return p, badContent(i)
			}
			continue
		}
		if !p.row(line, kinds) {
			p.leaveOut(i)
			continue
		}
		p.lines++
	}
	if p.lines+p.bad == 0 {
		return p, badContent(0)
	}
	return p.tidy(), nil
}

func headerOf(line []byte) (kinds []string, ok bool) {
	times := map[string]int{}
	for name := range strings.SplitSeq(string(line), ",") {
		kind := strings.ToUpper(name)
		times[kind]++
		if tableTypes[kind] == 0 || times[kind] > maxSameHeader {
			return nil, false
		}
		kinds = append(kinds, kind)
	}
	return kinds, true
}

func (p *parsedFile) row(line []byte, kinds []string) bool {
	fields := bytes.Split(line, []byte(","))
	if len(fields) != len(kinds) {
		return false
	}
	ids := make([]member, len(kinds))
	known := false
	for k, field := range fields {
		if len(field) == 0 {
			continue
		}
		var ok bool
		if ids[k], ok = cell(field, kinds[k]); !ok {
			return false
		}
		known = true
	}
	for k, field := range fields {
		if len(field) > 0 {
			p.members[kinds[k]] = append(p.members[kinds[k]], ids[k])
		}
	}
	return known
}

// cell reads one field of a table. A raw device id stands for the hash of its lower-case form.
func cell(field []byte, kind string) (member, bool) {
	if kind != "MAID" {
		return memberOf(field, tableTypes[kind])
	}
	folded := bytes.Equal(field, bytes.ToLower(field)) || bytes.Equal(field, bytes.ToUpper(field))
	if len(field) != tableTypes[kind] || !folded || !anyHex(bytes.ReplaceAll(field, []byte("-"), nil), 32) {
		return member{}, false
	}
	return sha256.Sum256(bytes.ToLower(field)), true
}
