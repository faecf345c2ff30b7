package audiencefile

import (
	"fmt"
	"time"

	"github.com/netresearch/go-cron"
)

// schedule is when uploads are due. A time that the change to summer time leaves out comes an hour later; one that comes
// twice in autumn finds the audience uploaded the second time (docs/decisions/0601-cron.md).
type schedule struct {
	cron cron.Schedule
	zone *time.Location
}

var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)

func newSchedule(text, zone string) (*schedule, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("schedule: unknown time zone")
	}
	parsed, err := cronParser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("schedule: not cron's five fields")
	}
	s := &schedule{parsed, location}
	if s.after(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("schedule: never comes")
	}
	return s, nil
}

// after is the first time the schedule names after t.
func (s *schedule) after(t time.Time) time.Time { return s.cron.Next(t.In(s.zone)) }

// last is the newest time the schedule names in (after, now], or zero.
func (s *schedule) last(after, now time.Time) (t time.Time) {
	// A schedule of every minute that was missed for a year is looked at from a week ago on: only the newest counts.
	after = latest(after, now.Add(-7*24*time.Hour))
	for next := s.after(after); !next.IsZero() && !next.After(now); next = s.after(next) {
		t = next
	}
	return t
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// oftenerThanDaily looks at a year of a schedule for two times within less than 23 hours (the length of a day in spring).
func (s *schedule) oftenerThanDaily() bool {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t := s.after(begin)
	for range 366 {
		next := s.after(t)
		if next.IsZero() {
			return false
		}
		if next.Sub(t) < 23*time.Hour {
			return true
		}
		t = next
	}
	return false
}
