package find

import (
	"context"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// uploaded is the membership in an audience that is replaced whole: by the topic, as it was when the upload was made that TikTok holds, and
// as it is now.
func (f *search) uploaded(ctx context.Context, s *daemon.Sync, digests [][]byte) ([]Membership, error) {
	job := f.jobs(s.Name)
	if digests = fitting(job.Kinds(), digests); len(digests) == 0 {
		return nil, nil
	}
	standing, err := job.Standing(ctx)
	if err != nil {
		return nil, err
	}
	m := Membership{Sync: s.Name, Audience: nameOf(s, ""), Kind: s.Kind(), Next: standing.Next.UTC()}
	within := ctx
	if f.options.Patience > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, f.options.Patience)
		defer cancel()
	}
	rows, err := job.Follow(within, standing, digests, func(done, of int64) { f.progress("reading the topic of "+s.Name, done, of) })
	if err != nil {
		if within.Err() == nil || ctx.Err() != nil {
			return nil, err
		}
		m.Tone, m.Unknown = Wait, "its topic could not be read to its end in time"
		m.Words = fmt.Sprintf("not known whether it is in %s: %s; tokrelay find --sync %s takes as long as it needs", m.Audience, m.Unknown, s.Name)
		return []Membership{m}, nil
	}
	m.judge(standing, rows)
	return []Membership{m}, nil
}

// judge reports whether a person of those rows is in, and whether they will be.
func (m *Membership) judge(s *audiencefile.Standing, rows []build.Followed) {
	var then, now bool
	var changed time.Time
	for _, r := range rows {
		then = then || r.Then.Has
		if now = now || r.Now.Has; r.Now.Has {
			m.Rows = append(m.Rows, Wanter{Sync: m.Sync, At: r.Now.At.String(), Changed: r.Now.Changed})
		}
		if r.Then.Has != r.Now.Has && r.Now.Changed.After(changed) {
			changed = r.Now.Changed
		}
	}
	next := "the next upload" + at(", on ", m.Next)
	if m.Next.IsZero() {
		next = "the next upload: none is scheduled, tokrelay audience upload --sync " + m.Sync + " makes one"
	}
	switch up := s.Upload; {
	case up == nil && now:
		m.Pending, m.Tone, m.Words = true, Wait, "not in "+m.Audience+": nothing was uploaded yet; will be in at "+next
	case up == nil:
		m.Tone, m.Words = Idle, "not in "+m.Audience+": nothing was uploaded yet, and no row wants it"
	case s.Cut == nil:
		m.Tone, m.Unknown = Wait, "what the last upload was made of is not known any more"
		m.Words = map[bool]string{true: "will be in ", false: "will not be in "}[now] + m.Audience + " at " + next + "; " + m.Unknown
	default:
		m.since(up, then, now, next)
	}
	if m.Pending && !changed.IsZero() {
		m.Words += at("; its row changed at ", changed)
	}
	if s.Problem != "" {
		m.Words += "; the last run: " + s.Problem
	}
}

// since says it of an upload.
func (m *Membership) since(up *audiencefile.Upload, then, now bool, next string) {
	m.In, m.Pending, m.Since = then, then != now, up.At.UTC()
	upload := "the upload of " + stamp(up.At)
	if up.Settled != audiencefile.Usable {
		upload += ", which TikTok still processes"
	}
	switch {
	case then && now:
		m.Tone, m.Words = Good, "in "+m.Audience+" by "+upload
	case then:
		m.Tone, m.Words = Wait, "in "+m.Audience+" by "+upload+", and leaves at "+next
	case now:
		m.Tone, m.Words = Wait, "not in "+m.Audience+" by "+upload+"; will be in at "+next
	default:
		m.Tone, m.Words = Idle, "not in "+m.Audience+" by "+upload
	}
}
