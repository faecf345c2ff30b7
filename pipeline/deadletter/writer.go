package deadletter

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// Producer writes records to Kafka and returns one error per record, nil for those acknowledged by all replicas. A
// Partition of -1 asks for the partition of the key's hash.
type Producer interface {
	Produce(ctx context.Context, records []pipeline.Record) []error
}

// About is what headers say of the writer's sync.
type About struct {
	Sync     string
	Sink     string // its name, often the sync's
	SinkKind string // events, segment, audiencefile
	Instance string
	Version  string
}

// Outcomes writes how rows ended whose letters Kafka has acknowledged, and where these are. It fails only when ctx ends.
type Outcomes interface {
	Letters(ctx context.Context, letters []pipeline.Letter, at []pipeline.Position) error
}

// Deps are a writer's neighbours.
type Deps struct {
	Producer   Producer
	TooLarge   func(error) bool       // the error of a record that Kafka will never take
	Partitions func(topic string) int // how many partitions a topic has, 0 if unknown; nil: unknown
	Outcomes   Outcomes               // nil: none
	Status     *pipeline.Status       // nil: none
	Metrics    *Metrics               // nil: none
	Tracing    *tracing.Sync          // nil: none
	Log        *slog.Logger           // nil: none
}

// Writer writes the dead letters of one sync. It is safe for concurrent use.
type Writer struct {
	cfg      Config
	about    About
	deps     Deps
	attempts pipeline.Attempts
}

// NewWriter makes a writer.
func NewWriter(cfg Config, about About, deps Deps) *Writer {
	deps.Log = cmp.Or(deps.Log, slog.New(slog.DiscardHandler)).With("sync", about.Sync)
	if deps.TooLarge == nil {
		deps.TooLarge = func(error) bool { return false }
	}
	if deps.Partitions == nil {
		deps.Partitions = func(string) int { return 0 }
	}
	deps.Metrics = cmp.Or(deps.Metrics, NewMetrics(nil))
	deps.Metrics.begin(cfg.RejectedTopic, cfg.FailedTopic)
	return &Writer{cfg: cfg, about: about, deps: deps,
		attempts: pipeline.Attempts{Status: deps.Status, Sync: about.Sync, What: "write dead letters", Kind: pipeline.TroubleDeadLetter}}
}

// Rows writes rejected rows and returns nil once Kafka has acknowledged every one, and their outcomes (P12). It tries without end, and says so on
// the status; it fails only when ctx ends, and may have written some of the rows then.
func (w *Writer) Rows(ctx context.Context, letters []pipeline.Letter) error {
	pages, at := make([]page, len(letters)), make([]pipeline.Position, len(letters))
	for i := range letters {
		pages[i] = w.row(&letters[i])
		pages[i].at = &at[i]
	}
	if err := w.write(ctx, w.cfg.RejectedTopic, pages); err != nil || w.deps.Outcomes == nil {
		return err
	}
	if err := w.deps.Outcomes.Letters(ctx, letters, at); err != nil {
		return fmt.Errorf("write outcomes of dead letters: %w", err)
	}
	return nil
}

// page is a record on its way, and what it becomes if Kafka finds it too large.
type page struct {
	pipeline.Record
	reason  pipeline.Reason
	at      *pipeline.Position // where it is once it is written; nil: nothing asks
	smaller []func(*pipeline.Record)
}

// row makes a rejected row's record: as it came, with headers that explain it, and the time of now, for with its own
// time an old row would fall under retention at once.
func (w *Writer) row(l *pipeline.Letter) page {
	now := time.Now()
	past := w.historyOf(l, now)
	added := w.explain(l, past, now)
	r := pipeline.Record{Topic: w.cfg.RejectedTopic, Partition: w.partition(past.partition), Timestamp: now}
	if l.Rejection.Reason == pipeline.UnreadableBatch {
		added.add(hOmitted, OmittedUnreadable)
		r.Headers = added
		return page{Record: r, reason: l.Rejection.Reason}
	}
	if w.cfg.Payload == payloadNone || l.Record.Bare {
		added.add(hOmitted, OmittedByConfig)
		r.Headers = added
		return page{Record: r, reason: l.Rejection.Reason}
	}
	r.Key, r.Value = l.Record.Key, l.Record.Value
	r.Headers = slices.Concat(originals(l.Record), added)
	return page{Record: r, reason: l.Rejection.Reason, smaller: smallerRows(added)}
}

// smallerRows leave out what may be too large, the value first. What is left fits any topic.
func smallerRows(added headers) []func(*pipeline.Record) {
	return []func(*pipeline.Record){
		func(r *pipeline.Record) {
			r.Value = nil
			r.Headers = append(slices.Clip(r.Headers), pipeline.Header{Key: hOmitted, Value: []byte(OmittedTooLarge)})
		},
		func(r *pipeline.Record) {
			r.Key, r.Headers = nil, append(slices.Clip([]pipeline.Header(added)), pipeline.Header{Key: hOmitted, Value: []byte(OmittedTooLarge)})
		},
	}
}

// partition keeps a row's partition where there is one of that number, so that order per key survives.
func (w *Writer) partition(original int32) int32 {
	if int(original) < w.deps.Partitions(w.cfg.RejectedTopic) {
		return original
	}
	return -1
}
