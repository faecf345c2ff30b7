package audiencefile

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// due is what the instance publishes of its schedule.
func (i *instance) due() time.Time {
	i.t.Helper()
	at, is := i.shown("audience_upload_due_timestamp_seconds", "lapsed")
	if !is {
		return time.Time{}
	}
	return time.Unix(int64(at), 0).UTC()
}

func TestAnUploadIsDueByItsOwnScheduleUntilOneBecomesWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, strings.Replace(plainConfig, "0 3 * * *", "0 3 * * 1", 1)) // Mondays; time begins on a Saturday
		w.people(0, 1200)
		monday := time.Date(2000, 1, 3, 3, 0, 0, 0, time.UTC)
		i := w.instance(tempDir(t))
		stop := i.serving()
		at := func(when time.Time, of *instance, want time.Time) {
			t.Helper()
			<-time.After(time.Until(when))
			if got := of.due(); !got.Equal(want) {
				t.Errorf("on %v an upload is due at %v, want %v", when, got, want)
			}
		}
		at(monday.Add(-time.Hour), i, monday)
		at(monday.Add(time.Hour), i, monday.AddDate(0, 0, 7)) // it was uploaded
		stop()
		w.config = strings.Replace(w.config, "member_when: member", "member_when: \"1 == 2\"", 1) // none are left: a brake
		i = w.instance(i.folder)
		stop = i.serving()
		at(monday.AddDate(0, 0, 9), i, monday.AddDate(0, 0, 7))
		at(monday.AddDate(0, 0, 16), i, monday.AddDate(0, 0, 7)) // the first one that was missed
		stop()
		other := w.instance(tempDir(t)) // started later
		stop = other.serving()
		at(monday.AddDate(0, 0, 17), other, monday.AddDate(0, 0, 7))
		stop()
		w.config = strings.Replace(w.config, `member_when: "1 == 2"`, "member_when: member", 1)
		i = w.instance(i.folder)
		defer i.serving()()
		at(monday.AddDate(0, 0, 22), i, monday.AddDate(0, 0, 28))
	})
}

func TestAnAudienceWithoutAScheduleIsNeverDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, strings.Replace(plainConfig, `schedule: "0 3 * * *"`, "", 1))
		i := w.instance(tempDir(t))
		defer i.serving()()
		<-time.After(time.Minute)
		if got := i.due(); !got.IsZero() {
			t.Errorf("an upload is due at %v", got)
		}
	})
}
