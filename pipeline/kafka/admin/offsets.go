package admin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Offsets are one offset per partition of some topics.
type Offsets map[string]map[int32]int64

// Set puts an offset in.
func (o Offsets) Set(topic string, id int32, at int64) {
	if o[topic] == nil {
		o[topic] = map[int32]int64{}
	}
	o[topic][id] = at
}

// Get is the offset of a partition, and whether there is one.
func (o Offsets) Get(topic string, id int32) (int64, bool) {
	at, ok := o[topic][id]
	return at, ok
}

// Starts are the oldest offsets there are.
func (a *Client) Starts(ctx context.Context, topics ...string) (Offsets, error) {
	return list(ctx, topics, a.adm.ListStartOffsets)
}

// Ends are the offsets behind the last readable record of every partition: with read_committed, behind the last record
// of a finished transaction.
func (a *Client) Ends(ctx context.Context, topics ...string) (Offsets, error) {
	if a.cfg.Isolation == kafka.ReadCommitted {
		return list(ctx, topics, a.adm.ListCommittedOffsets)
	}
	return list(ctx, topics, a.adm.ListEndOffsets)
}

// At are the offsets of the first records written at t or later; the end where there is none.
func (a *Client) At(ctx context.Context, t time.Time, topics ...string) (Offsets, error) {
	return list(ctx, topics, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return a.adm.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
	})
}

// All is everything there is of the topics now, with their ids. They are looked up before the offsets: of a topic that is
// made again in between, the range has the old id, and Read refuses it.
func (a *Client) All(ctx context.Context, topics ...string) (Range, error) {
	ids, err := a.IDs(ctx, topics...)
	if err != nil {
		return Range{}, err
	}
	starts, err := a.Starts(ctx, topics...)
	if err != nil {
		return Range{}, err
	}
	ends, err := a.Ends(ctx, topics...)
	return Range{From: starts, To: ends, IDs: ids}, err
}

// Place is how far a group has come in a partition.
type Place struct {
	Topic      string
	Partition  int32
	Committed  int64 // -1: nothing yet
	Start, End int64 // of what there is
}

// Waits is how many offsets the group has yet to commit. A commit behind the end is of another topic of that name: the group begins again.
func (p *Place) Waits() int64 {
	if p.Committed > p.End {
		return p.End - p.Start
	}
	return max(p.End-max(p.Committed, p.Start), 0)
}

// Places are how far a group has come in all partitions of topics, in order.
func (a *Client) Places(ctx context.Context, group string, topics ...string) (list []Place, err error) {
	committed, err := a.Committed(ctx, group) // first: what is committed meanwhile is not behind the ends
	if err != nil {
		return nil, err
	}
	all, err := a.All(ctx, topics...)
	if err != nil {
		return nil, err
	}
	for topic, ends := range all.To {
		for id, end := range ends {
			p := Place{Topic: topic, Partition: id, Committed: -1, End: end}
			if at, ok := committed.Get(topic, id); ok {
				p.Committed = at
			}
			p.Start, _ = all.From.Get(topic, id)
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(x, y Place) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
	return list, nil
}

// IDs are the ids of topics, by name, as a Range has them. A caller that needs offsets as well asks for the ids first.
func (a *Client) IDs(ctx context.Context, topics ...string) (ids map[string]string, err error) {
	err = patiently(ctx, func() error {
		details, err := whole(a.describe(ctx, topics))
		ids = map[string]string{}
		for name, d := range details {
			ids[name] = kafka.TopicID(d.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// list asks for offsets of the named topics; of none, there are none: kadm would take that for all of the cluster.
func list(ctx context.Context, topics []string, ask func(context.Context, ...string) (kadm.ListedOffsets, error)) (o Offsets, err error) {
	if len(topics) == 0 {
		return Offsets{}, nil
	}
	err = patiently(ctx, func() error {
		answer, err := whole(ask(ctx, topics...))
		o = Offsets{}
		answer.Each(func(l kadm.ListedOffset) { o.Set(l.Topic, l.Partition, l.Offset) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", kafka.LackingOn(err, "Describe", topics, func(topic string) error {
			_, err := whole(ask(ctx, topic))
			return err
		}))
	}
	return o, nil
}

// patiently asks again where a leader has just moved: kadm returns such answers as they are.
func patiently(ctx context.Context, ask func() error) error {
	for tries := 0; ; tries++ {
		err := ask()
		if err == nil || !kerr.IsRetriable(err) || tries == listTries || pause(ctx, tries) != nil {
			return err
		}
	}
}

const listTries = 5

// pause comes before another try: a tenth of a second at first, three seconds in the end, with jitter of a half, so that
// partitions that failed together do not come back together.
func pause(ctx context.Context, tries int) error {
	return pipeline.Backoff{First: 100 * time.Millisecond, Most: 3200 * time.Millisecond, Low: 0.5, High: 1}.Wait(ctx, tries)
}

// whole is an answer, and the first error in it where there was an answer to the question.
func whole[T interface{ Error() error }](answer T, err error) (T, error) {
	if err == nil {
		err = answer.Error()
	}
	return answer, err
}

// DeleteRecords removes everything before the range's ends from the topics, for good. Another topic of the same name, made
// since the range was looked up, is an error.
func (a *Client) DeleteRecords(ctx context.Context, r Range) error {
	now, err := a.IDs(ctx, slices.Collect(maps.Keys(r.To))...)
	if err != nil {
		return err
	}
	for topic, id := range now {
		if r.IDs[topic] != "" && r.IDs[topic] != id {
			return fmt.Errorf("delete records: topic %s was deleted and created again since its offsets were looked up: look again", topic)
		}
	}
	if _, err := whole(a.adm.DeleteRecords(ctx, toKadm(r.To))); err != nil {
		return fmt.Errorf("delete records: %w", kafka.Lacking(err, "Delete", "topic "+strings.Join(slices.Sorted(maps.Keys(r.To)), ", ")))
	}
	return nil
}

func toKadm(o Offsets) kadm.Offsets {
	out := kadm.Offsets{}
	for topic, partitions := range o {
		for id, at := range partitions {
			out.AddOffset(topic, id, at, -1)
		}
	}
	return out
}
