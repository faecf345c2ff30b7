package audiencefile

import (
	"context"
	"fmt"
	"sync"
)

// written knows up to which offset of every partition rejected rows have their letters, in whatever run they were written:
// a row is dead-lettered once, not once a day. It begins again with another mapping, whose reasons are others, and in a topic that was
// deleted and created again, whose rows are others.
type written struct {
	deps *Deps

	mu  sync.Mutex
	doc writtenDoc
	at  []int64 // by index of a partition; behind the last row that needs no letter
	ids []string
}

type writtenDoc struct {
	Mapping string            `json:"mapping"`
	Next    map[string]int64  `json:"next"`          // by topic/partition
	IDs     map[string]string `json:"ids,omitempty"` // of the topics that Next is about, where brokers give ids
}

// place is behind a row.
type place struct {
	partition int
	next      int64
}

func loadWritten(ctx context.Context, deps *Deps, mapping string, spans []Span) (*written, error) {
	w := &written{deps: deps, at: make([]int64, len(spans)), ids: make([]string, len(spans))}
	if err := deps.load(ctx, "letters", &w.doc); err != nil {
		return nil, err
	}
	if w.doc.Mapping != mapping || w.doc.Next == nil {
		w.doc = writtenDoc{Mapping: mapping, Next: map[string]int64{}}
	}
	ids := map[string]string{}
	for i, s := range spans {
		w.ids[i] = fmt.Sprintf("%s/%d", s.Topic, s.Partition)
		if next := w.doc.Next[w.ids[i]]; next <= s.To && !w.doc.another(s) {
			w.at[i] = next
		} else {
			delete(w.doc.Next, w.ids[i])
		}
		if s.TopicID != "" {
			ids[s.Topic] = s.TopicID
		}
	}
	w.doc.IDs = ids
	return w, nil
}

// another reports whether the marks are of an earlier topic of the same name. Where brokers give no ids, only a mark
// beyond the end shows that.
func (d *writtenDoc) another(s Span) bool {
	id := d.IDs[s.Topic]
	return id != "" && s.TopicID != "" && id != s.TopicID
}

// of is constant during a run but for the partition's own worker, which moves it.
func (w *written) of(partition int) int64 { return w.at[partition] }

func (w *written) move(ctx context.Context, places []place) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range places {
		w.at[p.partition] = max(w.at[p.partition], p.next)
		w.doc.Next[w.ids[p.partition]] = w.at[p.partition]
	}
	return w.deps.save(ctx, "letters", w.doc)
}
