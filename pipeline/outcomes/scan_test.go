package outcomes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// topic is the topic of outcomes in memory.
type topic struct {
	partitions map[int32][]pipeline.Record
	scanned    int
}

func (m *topic) add(partition int32, at time.Time, o *Outcome) {
	m.raw(partition, at, o.Append(nil, HeadOf(1)))
}

func (m *topic) raw(partition int32, at time.Time, value []byte) {
	if m.partitions == nil {
		m.partitions = map[int32][]pipeline.Record{}
	}
	list := m.partitions[partition]
	m.partitions[partition] = append(list, pipeline.Record{Partition: partition, Offset: int64(len(list)), Timestamp: at, Value: value})
}

func (m *topic) source() Source {
	return Source{
		All: func(context.Context) (Span, error) {
			s := Span{From: map[int32]int64{}, To: map[int32]int64{}}
			for id, list := range m.partitions {
				s.From[id], s.To[id] = 0, int64(len(list))
			}
			return s, nil
		},
		At: func(_ context.Context, t time.Time) (map[int32]int64, error) {
			at := map[int32]int64{}
			for id, list := range m.partitions {
				i := slices.IndexFunc(list, func(r pipeline.Record) bool { return !r.Timestamp.Before(t) })
				if i < 0 {
					i = len(list)
				}
				at[id] = int64(i)
			}
			return at, nil
		},
		Scan: func(ctx context.Context, s Span, each func(*pipeline.Record) error) error {
			for id, to := range s.To {
				for _, r := range m.partitions[id][s.From[id]:to] {
					m.scanned++
					if err := each(&r); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		},
	}
}

// hours has an outcome of every hour before now in each of three partitions: its offset is how many hours ago.
func hours(n int, now time.Time) *topic {
	m := &topic{}
	for ago := n - 1; ago >= 0; ago-- {
		for p := range int32(3) {
			m.add(p, now.Add(-time.Duration(ago)*time.Hour-time.Minute), &Outcome{Sync: "s", Topic: "t", Partition: p, Offset: int64(ago)})
		}
	}
	return m
}

func TestScanReadsEachOutcomeOfTheTimeOnceTheNewestWindowFirst(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name       string
		options    Options
		hours      int
		partitions int
	}{
		{"all", Options{}, 100, 3},
		{"in windows", Options{Window: time.Hour}, 100, 3},
		{"one partition", Options{Window: 2 * time.Hour, Partitions: []int32{2}}, 100, 1},
		{"since", Options{Window: time.Hour, Since: now.Add(-10 * time.Hour)}, 10, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := hours(100, now)
			m.raw(0, now, []byte("not an outcome"))

			seen, last := map[string]int{}, map[int32]int64{}
			windowed := c.options.Window > 0
			progress, err := Scan(t.Context(), m.source(), c.options, func(o *Outcome) error {
				seen[fmt.Sprint(o.Position())]++
				if at, had := last[o.Partition]; had && !windowed && o.Offset >= at {
					t.Errorf("partition %d: %d comes after %d, want the order of the partition", o.Partition, o.Offset, at)
				}
				last[o.Partition] = o.Offset
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if want := c.hours * c.partitions; len(seen) != want {
				t.Errorf("got %d outcomes, want %d", len(seen), want)
			}
			for at, n := range seen {
				if n != 1 {
					t.Errorf("%s: read %d times, want once", at, n)
				}
			}
			if !progress.Since.Equal(c.options.Since) {
				t.Errorf("came back to %v, want %v", progress.Since, c.options.Since)
			}
		})
	}
}

func TestScanStopsAtTheNewestWindowWhereItsCallerHasWhatItWants(t *testing.T) {
	m := hours(1000, time.Now())
	found, err := Scan(t.Context(), m.source(), Options{Window: time.Hour}, func(o *Outcome) error {
		if o.Offset == 2 {
			return ErrStop
		}
		return nil
	})
	if err != nil || m.scanned > 20 || found.Since.IsZero() {
		t.Errorf("got %v, %d records read, back to %v; want no error, few records, and the time", err, m.scanned, found.Since)
	}
	broken := errors.New("broken")
	if _, err := Scan(t.Context(), m.source(), Options{}, func(*Outcome) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the callback's error", err)
	}
}

func TestATopicThatIsNotThereHasNoOutcomes(t *testing.T) {
	progress, err := Scan(t.Context(), (&topic{}).source(), Options{}, func(*Outcome) error { return errors.New("called") })
	if err != nil || !progress.Since.IsZero() {
		t.Errorf("got %v, %v, want nothing", progress, err)
	}
}

func TestTheDefaultsOfTheConfigurationAreValid(t *testing.T) {
	var c Config
	report := settings.Load([]byte("{}"), &c, settings.Vars(nil))
	c.Validate(settings.Root(report))
	if len(report.Problems()) > 0 || !c.Enabled || !c.Create || c.Topic != "tokrelay.outcomes" || c.Retention.String() != "7d" || c.Partitions != 12 {
		t.Errorf("got %+v, %v", c, report.Problems())
	}
}

func TestEveryProblemOfTheConfigurationIsReported(t *testing.T) {
	var c Config
	report := settings.Load([]byte("{topic: a b, retention: 1s, partitions: 1}"), &c, settings.Vars(nil))
	c.Validate(settings.Root(report))
	var got []string
	for _, p := range report.Problems() {
		got = append(got, p.Path)
	}
	if want := []string{"partitions", "retention", "topic"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
