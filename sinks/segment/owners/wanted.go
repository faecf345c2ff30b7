package owners

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Wanted is what a claims topic tells of some hashes, for one who owns nothing: who wants each, and what TikTok was told of it. It is read
// from the beginning of the hashes' partitions to their recorded ends, and belongs to one goroutine.
type Wanted struct {
	hashes map[string]bool
	found  map[string]*Wish
}

// NewWanted follows the digests that have one of the hashes: of any type, and in any audience of the topic.
func NewWanted(hashes [][]byte) *Wanted {
	w := &Wanted{hashes: map[string]bool{}, found: map[string]*Wish{}}
	for _, h := range hashes {
		w.hashes[string(h)] = true
	}
	return w
}

// Partitions are the claims partitions, of n, that tell of the hashes.
func (w *Wanted) Partitions(n int32) (ids []int32) {
	for h := range w.hashes {
		if id := ownerOfHash([]byte(h), n); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Wish is what is known of one digest.
type Wish struct {
	Kind     member.Kind
	Audience string // as rows name it; "": the sync's own
	Hash     []byte
	By       []Wanter  // the rows that want it, the oldest claim first
	In       bool      // TikTok was told that it is in
	Since    time.Time // when the claim was written by which it came in; compaction may have left a later one
	Left     time.Time // when the last claim was given up; zero: none ever was, as far as the topic tells
	Open     bool      // TikTok is being told of it, or is still to be
}

// Wanter is a row that wants a digest.
type Wanter struct {
	Sync      Tag
	Topic     string
	Partition int32
	Offset    int64
	Changed   time.Time // the row, in its source
	Claimed   time.Time

	version version
}

// Take takes over a record of the topic. Records before the commit of its partition have settled: TikTok was told. The error is a
// *LaterForm.
func (w *Wanted) Take(rec *pipeline.Record, committed int64) error {
	digest, v, ok := readClaimKey(rec.Key)
	if !ok {
		return nil
	}
	kind, audience, hash := Parts(digest)
	if !w.hashes[string(hash)] {
		return nil
	}
	f := w.found[string(digest)]
	if f == nil {
		f = &Wish{Kind: kind, Audience: string(audience), Hash: bytes.Clone(hash)}
		w.found[string(digest)] = f
	}
	if rec.Value == nil {
		f.cleared(v, rec.Timestamp)
		return nil
	}
	c, err := readClaim(rec.Value)
	if err != nil {
		return passOver(err)
	}
	f.take(&c, v, rec.Timestamp)
	if rec.Offset < committed {
		f.In = len(f.By) > 0
	} else {
		f.Open = true
	}
	return nil
}

// take notes what became of a claim.
func (f *Wish) take(c *claim, v version, at time.Time) {
	switch c.says {
	case present, told:
		if len(f.By) == 0 {
			f.Since = at
		}
		f.remove(v)
		f.By = append(f.By, Wanter{Sync: c.sync, Topic: string(c.source.Topic), Partition: c.source.Partition, Offset: c.source.Offset,
			Changed: time.UnixMilli(c.source.Time).UTC(), Claimed: at, version: v})
	case absent:
		if f.remove(v); len(f.By) == 0 {
			f.Left = at
		}
	}
}

// cleared takes over a tombstone: it is written after the absence was settled, which may be all that compaction has left.
func (f *Wish) cleared(v version, at time.Time) {
	f.remove(v)
	f.In = f.In && (len(f.By) > 0 || f.Open)
	if len(f.By) == 0 && f.Left.IsZero() {
		f.Left = at
	}
}

func (f *Wish) remove(v version) {
	f.By = slices.DeleteFunc(f.By, func(by Wanter) bool { return by.version == v })
}

// Wishes are what was found, in an order of their own.
func (w *Wanted) Wishes() (list []*Wish) {
	for _, f := range w.found {
		list = append(list, f)
	}
	slices.SortFunc(list, func(x, y *Wish) int {
		return cmp.Or(strings.Compare(x.Audience, y.Audience), cmp.Compare(x.Kind, y.Kind), bytes.Compare(x.Hash, y.Hash))
	})
	return list
}
