package audiencefile

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// settle asks TikTok how it is getting on with the last upload, and notes the outcome in the ledger and in the manifest.
func (j *Job) settle(ctx context.Context, l *ledger) error {
	u := l.Last
	if u == nil || u.Settled != "" {
		return nil
	}
	a, err := j.directory().Look(ctx, l.AudienceID)
	if err != nil {
		return err
	}
	u.Checked = j.deps.now()
	text := ""
	u.Settled, text = outcome(a, u)
	if a != nil {
		u.Covered = a.Covered
		j.deps.Metrics.audiences.Show(a)
	}
	if err := j.deps.save(ctx, "ledger", l); err != nil || u.Settled == "" {
		return err
	}
	j.announce(u, text)
	return j.deps.note(ctx, u.Run, func(m *Manifest) { m.Settled, m.Covered, m.Remark = u.Settled, u.Covered, text })
}

// outcome reads what TikTok says of an audience as the outcome of an upload, with a remark: why it failed, or what TikTok
// could not use of it. There is no status: valid means usable, and an audience that stays invalid for two days has failed.
func outcome(a *audience.Details, u *Upload) (Settled, string) {
	since := u.At.Add(-clockSlack)
	switch {
	case a == nil:
		return Failed, "the audience was deleted at TikTok"
	case a.Failure() != "":
		return Failed, tiktok.Scrub(a.Failure())
	case a.Valid && (changedSince(a, since) || a.Covered != u.Before || u.Checked.Sub(u.At) > day):
		return Usable, tiktok.Scrub(remarkSince(a, since))
	case u.Checked.Sub(u.At) > audience.Settling:
		return Failed, "not usable two days after the upload; with fewer than 1000 matched members it never will be"
	}
	return "", ""
}

func (j *Job) announce(u *Upload, text string) {
	if u.Settled == Usable {
		j.clear(sourceProcessing)
		if text != "" {
			j.deps.Log.Warn("TikTok uses the upload in part: compare the members it covers, and look at the audience's history in TikTok Ads Manager",
				"run", u.Run, "text", text)
		}
		j.deps.Log.Info("TikTok has processed the upload", "run", u.Run, "members", u.Members, "covered", u.Covered)
		return
	}
	j.trouble(sourceProcessing, audience.Stop("TikTok could not use the upload of %s: %s", u.At.Format(time.RFC3339), text))
}

// sourceProcessing is the status's source for uploads that TikTok could not use.
const sourceProcessing = "processing"
