package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Mark is how far a reader came in a partition, with a note: an offset as a group commits it. Kafka forgets the
// marks of a group that nothing touches, by default after a week (offsets.retention.minutes).
type Mark struct {
	At   int64
	Note string // 4096 bytes at most, by default
}

// Marks are the marks in a topic of every group of that name, and of those whose name goes on after it with a dot.
func (a *Client) Marks(ctx context.Context, topic, name string) (map[string]map[int32]Mark, error) {
	listed, err := a.adm.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	var groups []string
	for _, group := range listed.Groups() {
		if group == name || strings.HasPrefix(group, name+".") {
			groups = append(groups, group)
		}
	}
	marks := map[string]map[int32]Mark{}
	for group, answer := range a.adm.FetchManyOffsets(ctx, groups...) {
		offsets, err := whole(answer.Fetched, answer.Err)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // that one was forgotten meanwhile
			return nil, fmt.Errorf("fetch offsets of group %s: %w", group, err)
		}
		for id, r := range offsets[topic] {
			if marks[group] == nil {
				marks[group] = map[int32]Mark{}
			}
			marks[group][id] = Mark{At: r.At, Note: r.Metadata}
		}
	}
	return marks, nil
}

// SetMarks sets marks in a topic for a group that no member joins.
func (a *Client) SetMarks(ctx context.Context, group, topic string, marks map[int32]Mark) error {
	o := kadm.Offsets{}
	for id, m := range marks {
		o.Add(kadm.Offset{Topic: topic, Partition: id, At: m.At, LeaderEpoch: -1, Metadata: m.Note})
	}
	if err := a.adm.CommitAllOffsets(ctx, group, o); err != nil {
		return fmt.Errorf("set offsets of group %s: %w", group, err)
	}
	return nil
}
