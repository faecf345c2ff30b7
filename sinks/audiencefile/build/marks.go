package build

import (
	"context"
	"fmt"
)

// Document is a small thing that all instances remember.
type Document struct {
	Load func(ctx context.Context, into any) error // leaves into alone when there is none
	Save func(ctx context.Context, v any) error
}

// marks are up to which offset of every partition rejected rows have their letters, in whatever run they were written: a
// row is dead-lettered once, not once a day. They begin again with another mapping, whose reasons are others, and in a topic
// that was deleted and created again, whose rows are others.
type marks struct {
	document Document

	saving chan struct{} // has room for the one that saves
	kept   keptMarks
	at     []int64  // by index of a partition; behind the last row that needs no letter. A partition's own worker alone moves and reads it
	ids    []string // by index of a partition
}

type keptMarks struct {
	Mapping string            `json:"mapping"`
	Next    map[string]int64  `json:"next"`          // by topic/partition
	IDs     map[string]string `json:"ids,omitempty"` // of the topics that Next is about, where brokers give ids
}

// position is behind a row.
type position struct {
	partition int
	next      int64
}

func loadMarks(ctx context.Context, document Document, mapping string, spans []Span) (*marks, error) {
	m := &marks{document: document, saving: make(chan struct{}, 1), at: make([]int64, len(spans)), ids: make([]string, len(spans))}
	if err := document.Load(ctx, &m.kept); err != nil {
		return nil, err
	}
	if m.kept.Mapping != mapping || m.kept.Next == nil {
		m.kept = keptMarks{Mapping: mapping, Next: map[string]int64{}}
	}
	ids := map[string]string{}
	for i, s := range spans {
		m.ids[i] = fmt.Sprintf("%s/%d", s.Topic, s.Partition)
		if next := m.kept.Next[m.ids[i]]; next <= s.To && !m.kept.another(s) {
			m.at[i] = next
		} else {
			delete(m.kept.Next, m.ids[i])
		}
		if s.TopicID != "" {
			ids[s.Topic] = s.TopicID
		}
	}
	m.kept.IDs = ids
	return m, nil
}

// another reports whether the marks are of an earlier topic of the same name. Where brokers give no ids, only a mark
// beyond the end shows that.
func (k *keptMarks) another(s Span) bool {
	id := k.IDs[s.Topic]
	return id != "" && s.TopicID != "" && id != s.TopicID
}

func (m *marks) of(partition int) int64 { return m.at[partition] }

func (m *marks) move(ctx context.Context, positions []position) error {
	select {
	case m.saving <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-m.saving }()
	for _, p := range positions {
		m.at[p.partition] = max(m.at[p.partition], p.next)
		m.kept.Next[m.ids[p.partition]] = m.at[p.partition]
	}
	return m.document.Save(ctx, m.kept)
}
