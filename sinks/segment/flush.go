package segment

import (
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// flush is one chunk on its way. Its memory is used again.
type flush struct {
	sink  *Sink
	chunk *pipeline.Chunk
	rows  []rowPlan
	ops   []op
	said  []op // what TikTok was told or may have been told, where it is to fit what is remembered
	out   pipeline.Items

	index   claimIndex    // while planning by images
	members []memberPlan  // while planning by memory
	byKey   map[key]int32 // index into members
	names   []key         // other names of members
	sets    []byte        // where sets made here are
	puts    puts
	took    []uint64          // locks on claims
	tookFor []uint64          // locks on members
	lists   map[string][]byte // audiences as requests name them

	unusable map[string]error // audiences whose rows are rejected
	late     bool             // a call may still have its effect
	due      time.Time        // when to look again at what was said
}

// rowPlan is what becomes of a row.
type rowPlan struct {
	transition
	row       int32
	key       key  // of its member, where no record tells it
	sent      bool // it has operations; delivery settles it
	skip      pipeline.SkipReason
	rejected  *pipeline.Rejection
	schema    string // of a rejected row
	was       bool   // its person is a member; of a rejected row: was one
	lacking   bool   // a row of changed columns that makes a member of whom nothing is known
	dismissed bool   // it names an audience that cannot be filled
	refused   bool   // TikTok refused something of a row that was rejected before
	of        int32  // its member, in flush.members
	last      int32  // a later row that answers for it, or itself; where images tell what changed
	follows   bool   // and that row has settled
}

// op is one thing TikTok has to be told.
type op struct {
	claim  []byte
	row    int32 // index into flush.rows
	remove bool
	void   bool // overtaken by a later one
}

func (o op) contrary() op {
	o.remove = !o.remove
	return o
}

func (f *flush) reset(s *Sink, c *pipeline.Chunk) {
	f.sink, f.chunk = s, c
	f.rows, f.ops, f.said, f.members, f.sets, f.names = f.rows[:0], f.ops[:0], f.said[:0], f.members[:0], f.sets[:0], f.names[:0]
	f.late = false
	if f.lists == nil {
		f.lists, f.byKey, f.unusable = map[string][]byte{}, map[key]int32{}, map[string]error{}
	}
	clear(f.lists)
	clear(f.byKey)
	clear(f.unusable)
}

// take takes over the rows of items that have not settled.
func (f *flush) take(items *pipeline.Items) {
	rejected := items.Rejected
	for i, item := range items.List {
		r := rowPlan{transition: readTransition(items.Body(i)), row: item.Row}
		if len(rejected) > 0 && rejected[0].Row == item.Row {
			r.rejected, r.schema, rejected = rejected[0].Rejection, rejected[0].SchemaID, rejected[1:]
		}
		if f.chunk.Settled(int(item.Row)) == pipeline.Unsettled {
			f.rows = append(f.rows, r)
		}
	}
}

// planByImages plans without memory: each row's images tell what changed. Of several operations on the same claim the
// last one counts. Rows that are tied by such a claim settle together: the last of them answers for them all.
// Else, when a part of the chunk comes again, an earlier row would do what a later one, settled by then, had undone.
func (f *flush) planByImages(ctx context.Context) error {
	f.index.reset()
	for i := range f.rows {
		f.rows[i].last = int32(i)
	}
	for i := range f.rows {
		f.planRow(int32(i), &f.rows[i])
	}
	f.ops = slices.DeleteFunc(f.ops, func(o op) bool { return o.void })
	for i := range f.ops {
		f.ops[i].row = f.lastOf(f.ops[i].row)
		f.rows[f.ops[i].row].sent = true
	}
	for i := range f.rows {
		f.rows[i].skip = f.whySkipped(int32(i))
	}
	return f.lockClaims(ctx)
}

func (f *flush) whySkipped(i int32) pipeline.SkipReason {
	switch r := &f.rows[i]; {
	case f.lastOf(i) != i:
		return pipeline.SkipSuperseded
	case r.filtered:
		return pipeline.SkipFiltered
	case !r.member && len(r.old) == 0:
		return pipeline.SkipNotMember
	}
	return pipeline.SkipNoChange
}

// lastOf is the row that answers for a row.
func (f *flush) lastOf(i int32) int32 {
	for f.rows[i].last != i {
		i = f.rows[i].last
	}
	return i
}

func (f *flush) planRow(i int32, r *rowPlan) {
	for c, rest := next(r.old); c != nil; c, rest = next(rest) {
		if !holds(r.now, c) {
			f.replace(op{claim: c, row: i, remove: true})
		}
	}
	for c, rest := next(r.now); c != nil; c, rest = next(rest) {
		if r.doubtful || !holds(r.old, c) || f.isRemoved(c) {
			f.replace(op{claim: c, row: i})
		}
	}
}

// replace adds an operation in place of any earlier one on the same claim.
func (f *flush) replace(o op) {
	at := f.index.slot(f.ops, o.claim)
	if before := *at - 1; before >= 0 {
		f.ops[before].void = true
		f.rows[f.lastOf(f.ops[before].row)].last = o.row
	}
	f.ops = append(f.ops, o)
	*at = int32(len(f.ops))
}

func (f *flush) isRemoved(claim []byte) bool {
	at := *f.index.slot(f.ops, claim)
	return at > 0 && f.ops[at-1].remove
}

// lockClaims waits until no other chunk has calls under way for the claims of ops.
func (f *flush) lockClaims(ctx context.Context) error {
	for i := range f.ops {
		f.took = append(f.took, hashOf(f.ops[i].claim))
	}
	var err error
	f.took, err = f.sink.claims.take(ctx, f.took)
	return err
}

func (f *flush) unlock() {
	f.sink.claims.give(f.took)
	f.sink.members.give(f.tookFor)
	f.took, f.tookFor = f.took[:0], f.tookFor[:0]
}
