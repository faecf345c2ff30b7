package segment

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// key names a member: the first half of SHA-256 over its topic and its row's identity. An identity may be an e-mail address; in the
// members topic and in memory there is only this.
type key = [16]byte

func keyOf(topic string, framing, identity []byte) key {
	var room [256]byte
	named := append(append(append(append(room[:0], topic...), 0), framing...), identity...)
	sum := sha256.Sum256(named)
	return key(sum[:16])
}

// identity is what tells the record's row from the others of its topic.
func (s *Sink) identity(r *pipeline.Record) []byte {
	if s.deps.Identity == nil {
		return r.Key
	}
	return s.deps.Identity(r)
}

func (s *Sink) nameOf(r *pipeline.Record) key { return keyOf(r.Topic, nil, s.identity(r)) }

// earlier appends the names under which the record's member may have been remembered before: earlier versions took the record's
// key with its framing, the one it has now or another, and a topic may have had another name.
func (s *Sink) earlier(dst []key, r *pipeline.Record) []key {
	identity := s.identity(r)
	var framings [][]byte
	if s.deps.Framings != nil {
		framings = s.deps.Framings(r.Topic)
	}
	dst = framedNames(dst, r.Topic, framings, identity, r.Key)
	for _, former := range s.formers(r.Topic) {
		dst = framedNames(append(dst, keyOf(former, nil, identity)), former, framings, identity, r.Key)
	}
	return dst
}

// formers are what a topic was called before.
func (s *Sink) formers(topic string) []string {
	if s.deps.Formers == nil {
		return nil
	}
	if known, ok := s.former.Load(topic); ok {
		return known.([]string)
	}
	formers := s.deps.Formers(topic)
	s.former.Store(topic, formers)
	return formers
}

func framedNames(dst []key, topic string, framings [][]byte, identity, framed []byte) []key {
	isFramed := len(identity) != len(framed)
	if isFramed {
		dst = append(dst, keyOf(topic, nil, framed))
	}
	for _, framing := range framings {
		if !isFramed || !bytes.HasPrefix(framed, framing) {
			dst = append(dst, keyOf(topic, framing, identity))
		}
	}
	return dst
}

// known is the name under which the record's member is remembered, or its own, and what is remembered.
func (s *Sink) known(r *pipeline.Record) (k key, m record, ok bool) {
	for _, k := range s.earlier([]key{s.nameOf(r)}, r) {
		if m, ok := readRecord(s.deps.Memory.Get(nil, k)); ok {
			return k, m, true
		}
	}
	return s.nameOf(r), record{}, false
}

// adopt takes what is remembered of the members by earlier names over.
func (f *flush) adopt(m *memberPlan) {
	m.earlier = slices.DeleteFunc(m.earlier, func(k key) bool {
		b, known := f.read(k)
		if known && m.known {
			b.wants, b.leaves = f.unionOf(m.before.wants, b.wants), f.unionOf(m.before.leaves, b.leaves)
			b.pending = b.pending || m.before.pending || b.generation != m.before.generation
			b.letters = b.letters || m.before.letters
			if b.partition != m.before.partition || b.offset < m.before.offset {
				b.moveToRecord(&m.before)
			}
		}
		if known {
			m.before, m.known = b, true
		}
		return !known
	})
}

// read reads what is remembered by a name into the flush's memory.
func (f *flush) read(k key) (record, bool) {
	start := len(f.sets)
	f.sets = f.sink.deps.Memory.Get(f.sets, k)
	return readRecord(f.sets[start:len(f.sets):len(f.sets)])
}

// forget removes what was remembered by earlier names, once it is written under the members' own.
func (p *puts) forget(members []memberPlan, written func(m *memberPlan) bool) {
	p.reset()
	for i := range members {
		if m := &members[i]; written(m) {
			for _, k := range m.earlier {
				p.keys, p.values = append(p.keys, k), append(p.values, nil)
			}
			m.earlier = nil
		}
	}
}

// addEarlier notes other names of a row's member.
func (m *memberPlan) addEarlier(names []key) {
	if m.earlier == nil {
		m.earlier = names
		return
	}
	for _, k := range names {
		if !slices.Contains(m.earlier, k) {
			m.earlier = append(m.earlier, k)
		}
	}
}
