package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// What the page asks of a running daemon, besides its wiring. All of it may be called at any time.

// runner is a page that has work of its own besides answering.
type runner interface {
	Run(ctx context.Context) error
}

// runPage runs what the page does besides answering, until ctx ends.
func runPage(ctx context.Context, page http.Handler) error {
	if r, ok := page.(runner); ok {
		return r.Run(ctx)
	}
	return nil
}

// Version is what the daemon was built from, and Instance its name in dead letters.
func (d *Daemon) Version() string  { return d.Wiring.options.Version }
func (d *Daemon) Instance() string { return d.Wiring.options.Instance }

// Audiences are what TikTok last reported of a streamed sync's audiences, and false for other syncs.
func (d *Daemon) Audiences(sync string) (audience.Reading, bool) {
	if s := d.audience(sync); s != nil {
		return s.readback.Last(), true
	}
	return audience.Reading{}, false
}

// Remembered are the rows that this instance remembers of a streamed sync's audience, and false for other syncs.
func (d *Daemon) Remembered(sync string) (rows int, ok bool) {
	s := d.audience(sync)
	if s == nil {
		return 0, false
	}
	if of := s.stages.Load(); of != nil {
		rows, _ = of.rows.Len()
	}
	return rows, true
}

// ReadAudiences asks TikTok now what a streamed sync's audiences hold.
func (d *Daemon) ReadAudiences(ctx context.Context, sync string) {
	if s := d.audience(sync); s != nil {
		s.readback.Read(ctx)
	}
}

// NewestLetters reads the newest letters of the rejected topic that the filter chooses, newest first, looking at no more
// than the newest depth records per partition of the filter's time. The letters are the caller's.
func (d *Daemon) NewestLetters(ctx context.Context, f *deadletter.Filter, n int, depth int64) ([]*deadletter.Dead, error) {
	span, err := deadletter.SpanOf(ctx, LettersIn(d.Wiring.Admin), d.Wiring.Config.DeadLetter.RejectedTopic, f.Since, f.Until)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	span.Latest(depth)
	var list []*deadletter.Dead
	err = deadletter.Rows(ctx, LettersIn(d.Wiring.Admin), span, f, nil, func(r *pipeline.Record, _ *deadletter.Head) error {
		if l, err := deadletter.Parse(deadletter.Keep(r)); err == nil {
			list = append(list, l)
		}
		if len(list) >= 4*n+256 {
			list = newest(list, n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return newest(list, n), nil
}

func newest(list []*deadletter.Dead, n int) []*deadletter.Dead {
	slices.SortStableFunc(list, func(x, y *deadletter.Dead) int { return y.Failed.Compare(x.Failed) })
	return slices.Clone(list[:min(n, len(list))])
}

// Letter reads one letter of the rejected topic; nil when it is not there (any more).
func (d *Daemon) Letter(ctx context.Context, partition int32, offset int64) (*deadletter.Dead, error) {
	at := pipeline.Position{Topic: d.Wiring.Config.DeadLetter.RejectedTopic, Partition: partition, Offset: offset}
	r, err := deadletter.Fetch(ctx, LettersIn(d.Wiring.Admin), at)
	if err != nil || r == nil {
		return nil, err
	}
	l, err := deadletter.Parse(r)
	if later, ok := errors.AsType[*deadletter.LaterForm](err); ok {
		return nil, later
	}
	if err != nil {
		return nil, nil // a record of another program
	}
	return l, nil
}

// Opener reads the rows of letters. With reveal it gives clear values, which must not leave the process.
func (d *Daemon) Opener(reveal bool) *deadletter.Opener {
	return d.Wiring.Config.NewOpener(d.Wiring.Admin, d.Wiring.Registry, reveal)
}

// PreviewTopic writes what real records of a sync become, as Preview does.
func (d *Daemon) PreviewTopic(ctx context.Context, sync string, r TopicRange, out io.Writer) error {
	s, err := d.Wiring.Config.Sync(sync)
	if err != nil {
		return err
	}
	flow, err := NewFlow(s, time.Now, nil)
	if err != nil {
		return err
	}
	return NewPreview(flow, out, PreviewOptions{}).Topic(ctx, d.Wiring.Config, d.Wiring.Admin, r)
}

// Options are for other work on the daemon's configuration in this process; its calls are remembered with the daemon's, and
// share its limits.
func (d *Daemon) Options() Options {
	o := d.Wiring.options
	o.Calls, o.gates = d.Wiring.Calls, map[string]*delivery.Gate{}
	for name, c := range d.Wiring.connections {
		o.gates[name] = c.gate
	}
	return o
}

// Uploads are the newest runs of a file audience, of all instances, newest first.
func (d *Daemon) Uploads(ctx context.Context, sync string) ([]audiencefile.Manifest, error) {
	s, err := d.Wiring.Config.Sync(sync)
	if err != nil || s.AudienceFile == nil {
		return nil, err
	}
	return audiencefile.Manifests(ctx, d.Wiring.State, s.advertiser, s.AudienceFile.Audience)
}
