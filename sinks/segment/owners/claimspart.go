package owners

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
)

// claimsPart is a claims partition that this instance owns: who wants each digest, and the digests about which TikTok is to be
// told, or is being told. Behind its commit an owner knows what TikTok holds; beyond it records may have been acted on by others.
type claimsPart struct {
	id    int32
	table claimTable
	works map[digestName]*work
	fifo  []waiting // records that wait to be settled, in order

	pos       int64 // the next record
	committed int64
	force     int64 // records before this may have been acted on by another instance
	opened    bool  // a commit of ours succeeded: calls may begin
	closing   bool  // no more calls
	gone      bool
	calls     int      // works that are being told
	answered  []answer // not counted yet: no commit sent after the answer has succeeded

	cleared []clearance        // absences whose tombstone is to be written once the commit is behind them
	unclear map[string]int64   // while restoring: absences without a tombstone, and their offsets
	topics  map[string]*string // of sources
}

// waiting is a record about whose digest TikTok is to be told.
type waiting struct {
	offset int64
	work   *work
}

// clearance is the key of a record that may go once the commit is behind its offset.
type clearance struct {
	offset int64
	key    []byte
}

// answer is a call that was made for a digest.
type answer struct {
	digest []byte
	cause  cause
}

// cause is the row because of which a digest is told.
type cause struct {
	sync   Tag
	topic  *string
	source Source // without its topic
}

func (c *cause) claim(says says) claim {
	s := c.source
	s.Topic = []byte(*c.topic)
	return claim{says: says, sync: c.sync, source: s}
}

// work is a digest about which TikTok is to be told, or is being told.
type work struct {
	digest                 []byte
	name                   digestName
	part                   *claimsPart
	version                version // of the last row that spoke of it
	cause                  cause
	wanted                 bool // by any row
	told                   bool // TikTok was told last that it is in the audience
	saying                 bool // what it is being told
	force                  bool // it is to be told, whatever it was told last
	queued, calling        bool
	aside                  bool  // queued, among those of a sync that is held
	last, asked, settledTo int64 // offsets: of its last record, of that when the call began, and up to which all is settled
	notBefore              int64 // Unix nanoseconds
}

func newClaimsPart(id int32, committed int64) *claimsPart {
	return &claimsPart{id: id, works: map[digestName]*work{}, pos: committed, committed: committed,
		unclear: map[string]int64{}, topics: map[string]*string{}}
}

// restore takes over a record of the topic, up to its end when the partition was taken over. What is behind the commit makes
// the table; the rest is read again.
func (p *claimsPart) restore(rec *pipeline.Record) error {
	if rec.Offset >= p.pos {
		return nil
	}
	digest, v, ok := readClaimKey(rec.Key)
	if !ok {
		return nil
	}
	if rec.Value == nil {
		delete(p.unclear, string(rec.Key))
		return nil
	}
	c, err := readClaim(rec.Value)
	switch {
	case err != nil:
		return passOver(err)
	case c.says == present || c.says == told:
		p.table.add(nameOf(digest), v)
		return nil
	case c.says == absent:
		p.table.remove(nameOf(digest), v)
	}
	p.unclear[string(rec.Key)] = rec.Offset
	return nil
}

// restored ends the restoration: end is where the log ended.
func (p *claimsPart) restored(end int64) {
	p.force = end
	for key, at := range p.unclear {
		p.cleared = append(p.cleared, clearance{at, []byte(key)})
	}
	p.unclear = nil
}

// take notes a claim, and returns the digest about which TikTok has to be told because of it, nil for none.
func (p *claimsPart) take(rec *pipeline.Record) (*work, error) {
	if rec.Offset < p.pos {
		return nil, nil
	}
	p.pos = rec.Offset + 1
	digest, v, ok := readClaimKey(rec.Key)
	if !ok || rec.Value == nil { // what was cleared was settled before
		return nil, nil
	}
	c, err := readClaim(rec.Value)
	if err != nil {
		return nil, passOver(err)
	}
	name := nameOf(digest)
	was := p.table.isWanted(name)
	wanted := was
	force := rec.Offset < p.force || c.says == told || c.says == again
	switch c.says {
	case present, told:
		p.table.add(name, v)
		wanted = true
	case absent:
		force = !p.table.remove(name, v) || force // compaction has taken its claim: TikTok may have been told of that
		wanted = p.table.isWanted(name)
		fallthrough
	default:
		p.cleared = append(p.cleared, clearance{rec.Offset, bytes.Clone(rec.Key)})
	}
	w := p.works[name]
	if w == nil {
		if !force && was == wanted {
			return nil, nil
		}
		w = &work{digest: bytes.Clone(digest), name: name, part: p, told: was, settledTo: -1}
		p.works[name] = w
	}
	p.note(w, v, &c, rec.Offset)
	w.wanted, w.force = wanted, w.force || force
	return w, nil
}

// note notes the last record of a digest that is waiting.
func (p *claimsPart) note(w *work, v version, c *claim, offset int64) {
	w.version, w.last = v, offset
	w.cause = cause{sync: c.sync, topic: p.topic(c.source.Topic), source: c.source}
	w.cause.source.Topic = nil
	p.fifo = append(p.fifo, waiting{offset, w})
}

// topic keeps one text for each topic of sources.
func (p *claimsPart) topic(name []byte) *string {
	if t := p.topics[string(name)]; t != nil {
		return t
	}
	t := string(name)
	p.topics[t] = &t
	return &t
}

// low is the offset up to which all is settled.
func (p *claimsPart) low() int64 {
	i := 0
	for i < len(p.fifo) && p.fifo[i].work.settledTo >= p.fifo[i].offset {
		p.fifo[i].work = nil
		i++
	}
	if p.fifo = p.fifo[i:]; len(p.fifo) > 0 {
		return p.fifo[0].offset
	}
	return p.pos
}

// isDue reports whether TikTok is to be told of a work, and what; one that is not due has settled.
func (p *claimsPart) isDue(w *work) bool {
	w.saying = w.wanted
	if w.force || w.told != w.saying {
		return true
	}
	w.settledTo = w.last
	delete(p.works, w.name)
	return false
}

// begins notes that TikTok is being told of a work.
func (p *claimsPart) begins(w *work) {
	w.force, w.calling, w.asked = false, true, w.last
	p.calls++
}

// ended takes the end of a call for a work over, and reports whether TikTok has to be told again.
func (p *claimsPart) ended(w *work, answered bool) (again bool) {
	p.calls--
	w.calling = false
	p.answered = append(p.answered, answer{w.digest, w.cause})
	if answered {
		w.told, w.settledTo = w.saying, w.asked
	} else {
		w.force = true
	}
	return p.isDue(w)
}
