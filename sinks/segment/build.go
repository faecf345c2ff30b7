package segment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// send has the operations delivered: deletes first. The rows they belong to are settled then.
func (f *flush) send(ctx context.Context) error {
	if err := f.build(ctx); err != nil || len(f.out.List) == 0 {
		return err
	}
	f.count()
	var rejected []*rowPlan
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil && r.sent {
			rejected = append(rejected, r)
			f.out.Rejected = append(f.out.Rejected, pipeline.Rejected{Row: r.row, Rejection: r.rejected, SchemaID: r.schema})
		}
	}
	err := f.deliver(ctx, f.chunk)
	for i, r := range rejected {
		r.refused = f.out.Rejected[i].Refused
	}
	return err
}

func (f *flush) deliver(ctx context.Context, c *pipeline.Chunk) error {
	err := f.sink.deps.Queue.Deliver(ctx, c, &f.out)
	f.late = f.late || f.out.Late
	return err
}

// count counts the memberships TikTok is told of.
func (f *flush) count() {
	deletes := 0
	for _, item := range f.out.List {
		if strings.HasPrefix(f.out.Envelopes[item.Envelope], remove) {
			deletes++
		}
	}
	f.sink.plan.adds.Add(float64(len(f.out.List) - deletes))
	f.sink.plan.deletes.Add(float64(deletes))
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

// fill puts the operations that share an element into its cells and returns where the next element starts.
func (f *flush) fill(c *cells, start int) (end int) {
	first := &f.ops[start]
	for end = start; end < len(f.ops); end++ {
		o := &f.ops[end]
		kind := kindOf(o.claim)
		alone := !f.sink.plan.mapped[kind] && end > start
		if o.row != first.row || o.remove != first.remove || c[kind] != nil || alone || !f.sink.plan.mapped[kindOf(first.claim)] && end > start ||
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
	if kind := kindOf(o.claim); f.sink.plan.mapped[kind] {
		f.out.Buf = f.sink.plan.appendMember(f.out.Buf, c, audiences)
	} else {
		envelope += " " + strconv.Itoa(int(kind))
		f.out.Buf = append(appendCell(append(f.out.Buf, '['), o.claim, audiences), ']')
	}
	if f.sink.plan.audience != nil {
		envelope += "\t" + string(audienceOf(o.claim))
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
	if why := f.unusable[string(name)]; why != nil {
		return nil, why
	}
	var ids []string
	refusals := 0
	err := f.sink.insist(ctx, "audience", func() (err error) {
		ids, err = f.sink.deps.Audiences.IDs(ctx, string(name))
		_, isRefused := errors.AsType[*audience.Refused](err)
		if isRefused {
			refusals++
		}
		if _, isFull := errors.AsType[*audience.Full](err); isFull || refusals == enough && len(name) > 0 {
			f.unusable[string(name)] = err
			return nil
		}
		return err
	})
	if err == nil {
		err = f.unusable[string(name)]
	}
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
