package segment

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// nowhere takes items, writes the requests they would share, and drops them.
type nowhere struct {
	plan    *Plan
	bodies  [][]byte
	request []byte
}

func (n *nowhere) Deliver(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	for e, envelope := range items.Envelopes {
		n.bodies = n.bodies[:0]
		for i, item := range items.List {
			if int(item.Envelope) == e {
				n.bodies = append(n.bodies, items.Body(i))
			}
		}
		n.request = n.plan.AppendRequest(n.request[:0], envelope, n.bodies)
	}
	for _, item := range items.List {
		c.Settle(int(item.Row), pipeline.Delivered)
	}
	return nil
}

// acknowledged is a log that takes everything and keeps nothing.
func acknowledged() state.Log {
	offset := int64(0)
	return state.Log{
		Ends: func(context.Context) (string, map[int32]int64, error) { return "", map[int32]int64{0: offset}, nil },
		Read: func(context.Context, string, map[int32]int64, map[int32]int64, func(*pipeline.Record) error) error {
			return nil
		},
		Produce: func(_ context.Context, records []pipeline.Record) []error {
			for i := range records {
				records[i].Offset = offset
				offset++
			}
			return make([]error, len(records))
		},
	}
}

// BenchmarkRow is the cost of a row from change to request: every other row changes the address of one of a hundred
// thousand members, the others change nothing. Kafka's and TikTok's parts are not in it.
func BenchmarkRow(b *testing.B) {
	for _, c := range []struct{ name, config string }{{"stateless", "remember: never"}, {"remembering", "remember: always"}} {
		b.Run(c.name, func(b *testing.B) {
			cfg := loaded(b, newsletter+c.config)
			cols := &mapping.Columns{}
			plan, err := New(cfg, Options{AdvertiserID: "1"}, cols, time.Now, nil)
			if err != nil {
				b.Fatal(err)
			}
			deps := Deps{Queue: &nowhere{plan: plan}, Audiences: ids{"7"}}
			deps.Memory = state.NewMembers(acknowledged(), EachClaim, nil)
			runRows(b, NewSink(plan, deps), cols)
		})
	}
}

func runRows(b *testing.B, sink *Sink, cols *mapping.Columns) {
	const perChunk, members = 1000, 100_000
	shape := &pipeline.Shape{}
	shape.Names, _ = cols.Wanted()
	maker, offset := sink.plan.Maker(), 0
	var items pipeline.Items
	addresses := make([]int, members)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		if rows%perChunk == 0 {
			records := make([]pipeline.Record, perChunk)
			items.Reset()
			for i := range records {
				member := offset % members
				key := strconv.AppendInt(nil, int64(member), 10)
				records[i] = pipeline.Record{Topic: "shop.customers", Offset: int64(offset), Key: key}
				before := person{email: address(member, addresses[member]), member: true}
				addresses[member] += offset % 2
				after := person{email: address(member, addresses[member]), member: true}
				change := pipeline.Change{Op: pipeline.Update, Shape: shape, BeforeComplete: true, Before: before.image(), After: after.image(), Key: key}
				if err := maker.Make(&items, i, &change); err != nil {
					b.Fatal(err)
				}
				offset++
			}
			if err := sink.Deliver(b.Context(), pipeline.NewChunk(records), &items); err != nil {
				b.Fatal(err)
			}
		}
		rows++
	}
}

func address(member, version int) string {
	return "member" + strconv.Itoa(member) + "." + strconv.Itoa(version) + "@example.org"
}
