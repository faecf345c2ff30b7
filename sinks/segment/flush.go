package segment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// flush is one chunk on its way. Its memory is used again.
type flush struct {
	*Sink
	chunk *pipeline.Chunk
	rows  []rowPlan
	ops   []op
	out   pipeline.Items

	index   claimIndex    // while planning by images
	members []memberPlan  // while planning by memory
	byKey   map[key]int32 // index into members
	sets    []byte        // where sets made here stand
	puts    puts
	took    []uint64          // locks on claims
	tookFor []uint64          // locks on members
	lists   map[string][]byte // audiences as requests name them
}

// rowPlan is what becomes of a row.
type rowPlan struct {
	transition
	row      int32
	sent     bool // it has operations; delivery settles it
	skip     pipeline.SkipReason
	rejected *pipeline.Rejection
	of       int32 // its member, in flush.members
}

// op is one thing TikTok has to be told.
type op struct {
	claim  []byte
	row    int32 // index into flush.rows
	remove bool
	void   bool // overtaken by a later one
}

func (f *flush) begin(s *Sink, c *pipeline.Chunk, items *pipeline.Items) {
	f.Sink, f.chunk = s, c
	f.rows, f.ops, f.members, f.sets = f.rows[:0], f.ops[:0], f.members[:0], f.sets[:0]
	f.took, f.tookFor = f.took[:0], f.tookFor[:0]
	if f.lists == nil {
		f.lists, f.byKey = map[string][]byte{}, map[key]int32{}
	}
	clear(f.lists)
	clear(f.byKey)
	for i, item := range items.List {
		if c.Settled(int(item.Row)) == pipeline.Unsettled {
			f.rows = append(f.rows, rowPlan{transition: readTransition(items.Body(i)), row: item.Row})
		}
	}
}

// planByImages plans without memory: each row's images tell what changed. Of several operations on the same claim the
// last one counts; whatever the rows before it did is repeated harmlessly when the chunk comes again.
func (f *flush) planByImages(ctx context.Context) error {
	f.index.reset()
	for i := range f.rows {
		f.planRow(int32(i), &f.rows[i])
	}
	for i := range f.rows {
		r := &f.rows[i]
		r.skip = pipeline.SkipNoChange
		if !r.member && len(r.old) == 0 {
			r.skip = pipeline.SkipNotMember
		}
	}
	for _, o := range f.ops {
		r := &f.rows[o.row]
		if !o.void {
			r.sent = true
		} else if !r.sent {
			r.skip = pipeline.SkipSuperseded
		}
	}
	f.ops = slices.DeleteFunc(f.ops, func(o op) bool { return o.void })
	return f.lockClaims(ctx)
}

func (f *flush) planRow(i int32, r *rowPlan) {
	for c, rest := next(r.old); c != nil; c, rest = next(rest) {
		if !holds(r.now, c) {
			f.replace(op{claim: c, row: i, remove: true})
		}
	}
	for c, rest := next(r.now); c != nil; c, rest = next(rest) {
		if !holds(r.old, c) || f.isRemoved(c) {
			f.replace(op{claim: c, row: i})
		}
	}
}

// replace adds an operation in place of any earlier one on the same claim.
func (f *flush) replace(o op) {
	at := f.index.slot(f.ops, o.claim)
	if before := *at - 1; before >= 0 {
		f.ops[before].void = true
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
	f.took, err = f.claims.take(ctx, f.took)
	return err
}

func (f *flush) unlock() {
	f.claims.give(f.took)
	f.Sink.members.give(f.tookFor)
}

// send has the operations delivered: deletes first. The rows they belong to are settled then.
func (f *flush) send(ctx context.Context) error {
	if err := f.build(ctx); err != nil || len(f.out.List) == 0 {
		return err
	}
	return f.deps.Queue.Deliver(ctx, f.chunk, &f.out)
}

// build writes the operations as elements of batch_data: one per row, action and audience, more where a row has several
// identifiers of one type.
func (f *flush) build(ctx context.Context) error {
	slices.SortStableFunc(f.ops, compareOps)
	f.out.Reset()
	for start := 0; start < len(f.ops); {
		var c cells
		end := f.fill(&c, start)
		list, err := f.audiences(ctx, audienceOf(f.ops[start].claim))
		if err != nil {
			return err
		}
		f.emit(&f.ops[start], &c, list)
		start = end
	}
	return nil
}

func compareOps(a, b op) int {
	if a.row != b.row {
		return cmp.Compare(a.row, b.row)
	}
	if a.remove != b.remove {
		if a.remove {
			return -1
		}
		return 1
	}
	if byAudience := bytes.Compare(audienceOf(a.claim), audienceOf(b.claim)); byAudience != 0 {
		return byAudience
	}
	return cmp.Compare(kindOf(a.claim), kindOf(b.claim))
}

// fill puts the operations that share an element into its cells and says where the next element starts.
func (f *flush) fill(c *cells, start int) (end int) {
	first := &f.ops[start]
	for end = start; end < len(f.ops); end++ {
		o := &f.ops[end]
		kind := kindOf(o.claim)
		alone := !f.mapped[kind] && end > start
		if o.row != first.row || o.remove != first.remove || c[kind] != nil || alone || !f.mapped[kindOf(first.claim)] && end > start ||
			!bytes.Equal(audienceOf(o.claim), audienceOf(first.claim)) {
			break
		}
		c[kind] = o.claim
	}
	return end
}

func (f *flush) emit(o *op, c *cells, audiences []byte) {
	envelope := add
	if o.remove {
		envelope = remove
	}
	start := int32(len(f.out.Buf))
	if kind := kindOf(o.claim); f.mapped[kind] {
		f.out.Buf = f.appendMember(f.out.Buf, c, audiences)
	} else {
		envelope += " " + strconv.Itoa(kind)
		f.out.Buf = append(appendCell(append(f.out.Buf, '['), o.claim, audiences), ']')
	}
	f.out.List = append(f.out.List, pipeline.Item{
		Row: f.rows[o.row].row, Start: start, End: int32(len(f.out.Buf)), Envelope: f.envelope(envelope),
	})
}

func (f *flush) envelope(text string) int32 {
	if i := slices.Index(f.out.Envelopes, text); i >= 0 {
		return int32(i)
	}
	f.out.Envelopes = append(f.out.Envelopes, text)
	return int32(len(f.out.Envelopes) - 1)
}

// audiences is the JSON list of a claim's audiences.
func (f *flush) audiences(ctx context.Context, name []byte) ([]byte, error) {
	if list, ok := f.lists[string(name)]; ok {
		return list, nil
	}
	var ids []string
	err := f.insist(ctx, "audience", func() (err error) {
		ids, err = f.deps.Audiences.IDs(ctx, string(name))
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	f.lists[string(name)] = list
	return list, nil
}

// settle ends the rows that delivery had nothing to do for.
func (f *flush) settle(ctx context.Context) error {
	if err := f.bury(ctx); err != nil {
		return err
	}
	f.settleIf(func(r *rowPlan) bool { return !r.sent && r.rejected == nil })
	return nil
}

func (f *flush) settleIf(isSkipped func(r *rowPlan) bool) {
	n := 0
	for i := range f.rows {
		if r := &f.rows[i]; isSkipped(r) && f.chunk.Settle(int(r.row), pipeline.Skipped) {
			f.metrics.Skipped(r.skip, 1)
			n++
		}
	}
	f.metrics.Settled(pipeline.Skipped, n)
}

// bury writes the letters of rows that were rejected here.
func (f *flush) bury(ctx context.Context) error {
	var letters []pipeline.Letter
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil {
			letters = append(letters, pipeline.Letter{Record: &f.chunk.Records[r.row], Rejection: r.rejected})
		}
	}
	if len(letters) == 0 {
		return nil
	}
	if err := f.deps.DeadLetters.Rows(ctx, letters); err != nil {
		return err
	}
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil && f.chunk.Settle(int(r.row), pipeline.DeadLettered) {
			f.metrics.Rejected(r.rejected)
			f.metrics.Settled(pipeline.DeadLettered, 1)
		}
	}
	return nil
}
