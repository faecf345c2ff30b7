package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// uploadTimeout is the longest time of one call that carries a file.
const uploadTimeout = 15 * time.Minute

// fileJob makes the job of a sync whose audience is replaced whole. It reads the topic from its beginning, without the router.
func (w *Wiring) fileJob(s *Sync) (*audiencefile.Job, error) {
	m := w.newMetrics(s)
	flow, err := w.Flow(s, m)
	if err != nil {
		return nil, err
	}
	client, err := w.uploadClient(s)
	if err != nil {
		return nil, err
	}
	folder, err := workFolder()
	if err != nil && s.AudienceFile.WorkFolder == "" {
		return nil, err
	}
	return audiencefile.NewJob(flow.sink.file, audiencefile.Deps{
		Sync: s.Name, Advertiser: s.advertiser, API: client, Source: w.fileSource(s), Mapping: s.fingerprint(),
		NewSteps: flow.Steps, Letters: w.Letters(s, m.letters), Store: w.State.Holder(s.Name), Folder: folder, Status: w.Status, Metrics: m.files, Tracing: w.tracing(s), OnCall: w.Calls.Add, Log: w.Log, Now: w.options.Now,
		Paused: func() bool { return w.IsPaused(s.Name) },
	})
}

// serveFile uploads on schedule until ctx ends.
func (d *Daemon) serveFile(ctx context.Context, sync string, job *audiencefile.Job) error {
	w, alone := d.Wiring, []string{sync}
	err := w.insist(ctx, alone, pipeline.TroubleKafka, w.EnsureState)
	if err == nil {
		err = w.insist(ctx, alone, pipeline.TroubleState, w.State.Refresh)
	}
	if err != nil {
		return nil // ctx ended
	}
	return job.Serve(ctx)
}

func (w *Wiring) uploadClient(s *Sync) (*tiktok.Client, error) {
	name, c := w.Config.ConnectionOf(s)
	c.Timeout = max(c.Timeout, settings.Duration(uploadTimeout))
	return tiktok.New(c, w.connections[name].token)
}

// workFolder is where files are built unless the configuration names a folder: a folder of this user's own.
func workFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for audience files: %w (set audience_file.work_folder)", err)
	}
	return filepath.Join(cache, "tokrelay", "audiences"), nil
}

// fingerprint identifies a way of reading and filtering rows: what was kept under another is not used again.
func (s *Sync) fingerprint() string {
	sum := sha256.Sum256(fmt.Append(settings.Effective(s.Config), settings.Effective(s.On), s.When))
	return hex.EncodeToString(sum[:8])
}

// fileSource is the sync's topics as a bounded whole.
func (w *Wiring) fileSource(s *Sync) build.Source {
	return build.Source{
		Spans: func(ctx context.Context) ([]build.Span, error) { return w.spans(ctx, s) },
		Read: func(ctx context.Context, spans []build.Span, each func(*pipeline.Record) error) error {
			what := admin.Range{From: admin.Offsets{}, To: admin.Offsets{}, IDs: map[string]string{}}
			for _, span := range spans {
				what.From.Set(span.Topic, span.Partition, span.From)
				what.To.Set(span.Topic, span.Partition, span.To)
				what.IDs[span.Topic] = span.TopicID
			}
			return w.Admin.Read(ctx, what, each)
		},
	}
}

// spans are the oldest offset and the end of every partition now (P9).
func (w *Wiring) spans(ctx context.Context, s *Sync) ([]build.Span, error) {
	topics, err := s.SourceTopics(ctx, w.Admin)
	if err != nil {
		return nil, err
	}
	all, err := w.Admin.All(ctx, topics...)
	if err != nil {
		return nil, err
	}
	var spans []build.Span
	for topic, partitions := range all.To {
		for id, end := range partitions {
			from, _ := all.From.Get(topic, id)
			spans = append(spans, build.Span{Topic: topic, TopicID: all.IDs[topic], Partition: id, From: from, To: end})
		}
	}
	return spans, nil
}

// FileJob is the upload job of a file audience, nil for other syncs.
func (d *Daemon) FileJob(sync string) *audiencefile.Job { return d.files[sync] }

// UploadNow runs a file audience's upload in this process, without running the syncs. Other instances wait for it.
func (d *Daemon) UploadNow(ctx context.Context, sync string, o audiencefile.Options) (*audiencefile.Manifest, error) {
	defer d.Wiring.Close()
	job := d.files[sync]
	if job == nil {
		return nil, fmt.Errorf("sync %s is not an audience_file: there is nothing to upload", sync)
	}
	if err := errors.Join(d.Wiring.EnsureTopics(ctx), d.Wiring.EnsureState(ctx)); err != nil {
		return nil, err
	}
	defer d.Wiring.serving(ctx)()
	return job.Run(ctx, o)
}
