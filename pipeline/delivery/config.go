package delivery

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// Grace is how long it may take to settle the rows of a call beyond the call itself.
const Grace = 5 * time.Second

// Config bounds the calls of one sync.
type Config struct {
	MaxItems int           // most items in a call
	MaxBytes int           // most bytes of a call
	Linger   time.Duration // longest time an item waits for more to share its call; 0: none
	Capacity int           // items that may be under way before Deliver blocks; 0: 32 full calls
	Grace    time.Duration // what a call in flight may still take once its Deliver or Run was told to stop; 0: Grace
	Retry    Retry
}

func (c Config) withDefaults() Config {
	c.Capacity = cmp.Or(c.Capacity, 32*c.MaxItems)
	c.Grace = cmp.Or(c.Grace, Grace)
	return c
}

// Retry says how calls that failed through no fault of their rows are made again.
type Retry struct {
	Attempts    int               `yaml:"attempts" doc:"A batch is given up after this many failed calls, counting only those between which its endpoint worked for others." default:"10"`
	Base        settings.Duration `yaml:"base" doc:"Pause after the first failed call; it doubles from call to call." default:"500ms"`
	Max         settings.Duration `yaml:"max" doc:"Longest pause." default:"1m"`
	GiveUpAfter settings.Duration `yaml:"give_up_after" doc:"Give a batch up after so long even while TikTok is away; 0 never does." default:"0s"`
}

func (r Retry) backoff() pipeline.Backoff {
	return pipeline.Backoff{First: r.Base.Std(), Most: r.Max.Std(), Low: 0.8, High: 1.2}
}

// Validate reports what is wrong with the settings.
func (r *Retry) Validate(at settings.Place) {
	if r.Attempts < 1 || r.Attempts > 1000 {
		at.Key("attempts").Problem("must be between 1 and 1000", "1 gives a batch up after one failed call")
	}
	if r.Max < settings.Duration(time.Millisecond) {
		at.Key("max").Problem("must be at least 1ms", "calls that fail would follow each other without a pause")
	} else if r.Base < settings.Duration(time.Millisecond) || r.Base > r.Max {
		at.Key("base").Problem("must be at least 1ms and not longer than max", "leave it out for the default")
	}
	if r.GiveUpAfter != 0 && r.GiveUpAfter < settings.Duration(time.Minute) {
		at.Key("give_up_after").Problem("must be at least 1m", "leave it out to wait for TikTok however long it takes")
	}
	if r.GiveUpAfter != 0 {
		at.Key("give_up_after").Warn("dead-letters good rows when TikTok is away for that long", "leave it out to wait")
	}
}

// DeadLetters takes rows and batches that cannot be delivered. Both methods return nil once Kafka has acknowledged them,
// and an error only when ctx ended.
type DeadLetters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
	Batch(ctx context.Context, b pipeline.FailedBatch) error
}

// Deps are a queue's neighbours.
type Deps struct {
	Sync          string
	Endpoint      string // "/event/track/"
	AppendRequest func(dst []byte, envelope string, bodies [][]byte) []byte
	Field         func(envelope string) string                      // the destination, in words, which ScopeField holds: "pixel C4"; nil: the envelope itself
	Ask           func(ctx context.Context, envelope string) string // what is wrong with a destination and what to do, "" for nothing that is known; nil: nothing to ask
	Misdirected   pipeline.Reason                                   // of rows that chose a destination that is refused; "" where the configuration chooses
	Post          func(ctx context.Context, body []byte) pipeline.Answer
	Gate          *Gate
	Least         float64 // part of the limits that it may use whatever the gate's share of them is
	DeadLetters   DeadLetters
	Status        *pipeline.Status                               // nil: none
	Metrics       *Metrics                                       // nil: none
	Tracing       *tracing.Sync                                  // nil: none
	Accepted      func(envelope string, bodies iter.Seq[[]byte]) // of items that TikTok took and whose rows are ours; bodies are read during the call only; nil: not told
	OnCall        func(pipeline.Call)                            // nil: none; Call.Request may be used during the call only
	Log           *slog.Logger                                   // nil: none
}
