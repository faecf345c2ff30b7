package audiencefile

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Standing is what TikTok was given of a file audience, and when it is given it again.
type Standing struct {
	Upload  *Upload      // whose members TikTok holds, or will once it has processed them; nil: none yet
	Cut     []build.Span // what the upload was made of; nil: not known any more
	Next    time.Time    // of the schedule, in its zone, and not within TikTok's day; zero: on demand alone
	Runs    []Manifest   // the newest first
	Problem string       // how the last run ended, where it was after the upload and did not do what it should
}

// Standing reads it, as all instances know it.
func (j *Job) Standing(ctx context.Context) (*Standing, error) {
	var l ledger
	if err := j.deps.load(ctx, "ledger", &l); err != nil {
		return nil, err
	}
	s := &Standing{Upload: l.held()}
	if err := j.deps.load(ctx, "manifests", &s.Runs); err != nil {
		return nil, err
	}
	if schedule := j.plan.schedule; schedule != nil {
		s.Next = schedule.after(latest(j.deps.now(), l.next()))
	}
	if len(s.Runs) > 0 && !s.Runs[0].Result.Done() {
		s.Problem = s.Runs[0].Text
	}
	for i := range s.Runs {
		if s.Upload != nil && s.Runs[i].Run == s.Upload.Run {
			s.Cut = s.Runs[i].Spans
		}
	}
	return s, nil
}

// Follow looks in the topic, by the sync's rules, for rows that hold one of the digests: what they said when the upload was made, and
// what they say now.
func (j *Job) Follow(ctx context.Context, s *Standing, digests [][]byte, progress func(records, of int64)) ([]build.Followed, error) {
	return build.Follow(ctx, build.Following{Source: j.deps.Source, NewSteps: j.steps, Progress: progress,
		Wanted: func(lines []byte) bool {
			return slices.ContainsFunc(digests, func(d []byte) bool { return bytes.Contains(lines, d) })
		},
		Cut: func(now build.Span) int64 { return s.CutOf(now.Topic, now.TopicID, now.Partition) }})
}

// CutOf is the offset up to which a partition of a topic was read for the upload; 0 where it was not, as of a topic that was made again since.
func (s *Standing) CutOf(topic, id string, partition int32) int64 {
	for _, cut := range s.Cut {
		if cut.Topic == topic && cut.Partition == partition && (cut.TopicID == id || cut.TopicID == "") {
			return cut.To
		}
	}
	return 0
}

// Kinds are the types of identifiers in the audience.
func (j *Job) Kinds() (kinds []member.Kind) {
	for i := range j.plan.members.Readers {
		kinds = append(kinds, j.plan.members.Readers[i].Kind)
	}
	return kinds
}
