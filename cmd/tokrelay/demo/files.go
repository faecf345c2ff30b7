package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// clock is the time of file uploads: the demo lets a day pass between two of them, for TikTok takes one a day.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

const day = 25 * time.Hour

// upload is one run of a file audience and what TikTok then holds.
type upload struct {
	sync     string
	want     audiencefile.Result
	manifest *audiencefile.Manifest
	members  map[string]bool // that the table has
	held     []string        // that TikTok has
}

// files uploads the lapsed customers, lets some of them come back and a day pass, and replaces the audience; and tries an
// audience that is too small.
func (s *story) files(ctx context.Context, in *standIns, d *daemon.Daemon, c *clock) ([]upload, error) {
	first, err := s.run(ctx, in, d, "lapsed", audiencefile.Uploaded)
	if err != nil {
		return nil, err
	}
	back, err := s.comeBack()
	if err != nil {
		return nil, err
	}
	if err := in.produce(ctx, back, burst, func(int) error { return nil }); err != nil {
		return nil, err
	}
	c.ahead.Add(int64(day))
	in.tiktok.Advance(day)
	second, err := s.run(ctx, in, d, "lapsed", audiencefile.Uploaded)
	if err != nil {
		return nil, err
	}
	small, err := s.run(ctx, in, d, "first-customers", audiencefile.TooSmall)
	return []upload{first, second, small}, err
}

func (s *story) run(ctx context.Context, in *standIns, d *daemon.Daemon, sync string, want audiencefile.Result) (upload, error) {
	m, err := d.FileJob(sync).Run(ctx, audiencefile.Options{Why: "request"})
	if m == nil {
		return upload{}, fmt.Errorf("upload %s: %w", sync, err)
	}
	u := upload{sync: sync, want: want, manifest: m, members: s.lapsed()}
	for _, a := range in.tiktok.Audiences() {
		if a.Name == "Lapsed customers" {
			u.held = in.tiktok.Members(a.ID)["EMAIL_SHA256"]
		}
	}
	return u, nil
}

func (u *upload) check() check {
	m := u.manifest
	ok := m.Result == u.want && (u.want != audiencefile.Uploaded || sameSet(u.members, u.held))
	text := fmt.Sprintf("%s: %s: %s", u.sync, m.Result, m.Text)
	if u.want == audiencefile.Uploaded {
		text += fmt.Sprintf("; TikTok holds %d, the table has %d", len(u.held), len(u.members))
	}
	return check{ok, text}
}
