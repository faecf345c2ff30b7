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
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// uploadTimeout is the longest time of one call that carries a file.
const uploadTimeout = 15 * time.Minute

// fileSync joins a sync whose audience is replaced whole: a job beside the router, that reads the topic from its beginning.
func (d *Daemon) fileSync(s *Sync) error {
	m := d.Metrics.Sync(s.Name, s.Kind())
	flow, err := NewFlow(s, time.Now, m)
	if err != nil {
		return err
	}
	if err := flow.DecodeWith(d.registry, d.Metrics, d.Log); err != nil {
		return err
	}
	client, err := d.uploadClient(s)
	if err != nil {
		return err
	}
	folder, err := workFolder()
	if err != nil && s.AudienceFile.WorkFolder == "" {
		return err
	}
	job, err := audiencefile.NewJob(flow.sink.file, audiencefile.Deps{
		Sync: s.Name, Advertiser: s.advertiser, API: client, Source: d.fileSource(s), Mapping: s.fingerprint(),
		NewSteps: flow.Steps, Letters: d.letters(s, m), Store: d.state, Folder: folder, Status: d.Status, Metrics: m, Tracing: d.tracing(s), OnCall: d.Calls.Add, Log: d.Log, Now: d.options.Now,
	})
	if err != nil {
		return err
	}
	d.files[s.Name] = job
	d.services = append(d.services, func(ctx context.Context) error {
		if d.begin(ctx, s) != nil {
			return nil // ctx ended
		}
		return job.Serve(ctx)
	})
	return nil
}

func (d *Daemon) uploadClient(s *Sync) (*tiktok.Client, error) {
	name, c := d.Config.ConnectionOf(s)
	c.Timeout = max(c.Timeout, settings.Duration(uploadTimeout))
	return tiktok.New(c, d.connections[name].token)
}

// workFolder is where files are built unless the configuration says: a folder of this user's own.
func workFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for audience files: %w (set audience_file.work_folder)", err)
	}
	return filepath.Join(cache, "tokrelay", "audiences"), nil
}

// fingerprint tells one way of reading and filtering rows from another: what was kept under another is not reused.
func (s *Sync) fingerprint() string {
	sum := sha256.Sum256(fmt.Append(settings.Effective(s.Config), settings.Effective(s.On), s.When))
	return hex.EncodeToString(sum[:8])
}

// fileSource is the sync's topics as a bounded whole.
func (d *Daemon) fileSource(s *Sync) build.Source {
	return build.Source{
		Spans: func(ctx context.Context) ([]build.Span, error) { return d.spans(ctx, s) },
		Read: func(ctx context.Context, spans []build.Span, each func(*pipeline.Record) error) error {
			what := kafka.Range{From: kafka.Offsets{}, To: kafka.Offsets{}, IDs: map[string]string{}}
			for _, span := range spans {
				what.From.Set(span.Topic, span.Partition, span.From)
				what.To.Set(span.Topic, span.Partition, span.To)
				what.IDs[span.Topic] = span.TopicID
			}
			return d.admin.Read(ctx, what, each)
		},
	}
}

// spans are the oldest offset and the end of every partition now (P9).
func (d *Daemon) spans(ctx context.Context, s *Sync) ([]build.Span, error) {
	topics, err := s.SourceTopics(ctx, d.admin)
	if err != nil {
		return nil, err
	}
	all, err := d.admin.All(ctx, topics...)
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

// UploadNow runs a file audience's upload in this process, without running the syncs. Other instances stand back for it.
func (d *Daemon) UploadNow(ctx context.Context, sync string, o audiencefile.Options) (*audiencefile.Manifest, error) {
	defer d.close()
	job := d.files[sync]
	if job == nil {
		return nil, fmt.Errorf("sync %s is no audience_file: there is nothing to upload", sync)
	}
	s, err := d.Config.Sync(sync)
	if err == nil {
		err = errors.Join(d.ensureTopics(ctx), d.ensureMemory(ctx, s))
	}
	if err != nil {
		return nil, err
	}
	defer d.recording(ctx)()
	return job.Run(ctx, o)
}
