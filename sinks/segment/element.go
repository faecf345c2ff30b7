package segment

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// cells are one element of batch_data: a digest for each type, or nil.
type cells [member.Kinds][]byte

// fill puts the first sayings, those that share an element, into its cells and returns how many they are.
func (p *Plan) fill(c *cells, list []*owners.Saying) (n int) {
	first := list[0]
	for n < len(list) {
		s := list[n]
		if s.Version != first.Version || s.Remove != first.Remove || !bytes.Equal(s.Audience, first.Audience) || c[s.Kind] != nil || n > 0 && !(p.mapped[s.Kind] && p.mapped[first.Kind]) {
			break
		}
		c[s.Kind] = s.Digest
		n++
	}
	return n
}

// emit appends an element. audiences is a JSON list.
func (p *Plan) emit(items *pipeline.Items, row int32, s *owners.Saying, c *cells, audiences []byte) {
	envelope := add
	if s.Remove {
		envelope = remove
	}
	start := int32(len(items.Buf))
	if p.mapped[s.Kind] {
		items.Buf = p.appendMember(items.Buf, c, audiences)
	} else {
		envelope += " " + strconv.Itoa(int(s.Kind))
		items.Buf = append(appendCell(append(items.Buf, '['), s.Digest, audiences), ']')
	}
	if p.audience != nil {
		envelope += "\t" + string(s.Audience)
	}
	if s.Remove {
		p.deletes.Inc()
	} else {
		p.adds.Inc()
	}
	end := int32(len(items.Buf))
	for _, digest := range c {
		items.Buf = append(items.Buf, digest[:min(len(digest), pipeline.DigestPrefix)]...)
	}
	items.List = append(items.List, pipeline.Item{Row: row, Start: start, End: end, IDStart: end, IDEnd: end, Persons: int32(len(items.Buf)),
		Envelope: items.EnvelopeIndex([]byte(envelope))})
}

// appendMember writes an element of batch_data: for each type of id_schema its digest, or {} where there is none.
func (p *Plan) appendMember(dst []byte, c *cells, audiences []byte) []byte {
	dst = append(dst, '[')
	for i := range p.members.Readers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCell(dst, c[p.members.Readers[i].Kind], audiences)
	}
	return append(dst, ']')
}

func appendCell(dst, digest, audiences []byte) []byte {
	if digest == nil {
		return append(dst, "{}"...)
	}
	dst = hex.AppendEncode(append(dst, `{"id":"`...), digest)
	return append(append(append(dst, `","audience_ids":`...), audiences...), '}')
}

func jsonOf(ids []string) []byte {
	list, _ := json.Marshal(ids) // a list of strings always encodes
	return list
}
