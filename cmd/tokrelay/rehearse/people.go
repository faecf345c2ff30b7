package rehearse

import (
	"errors"
	"sync"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// Size is how large an audience is by the last row of each key. Where the rows were too many to remember, it is an estimate from one in
// Sample of them.
type Size struct {
	People      int64            `json:"people"`
	Identifiers map[string]int64 `json:"identifiers"` // by type; those that two rows share are counted twice
	Sample      int64            `json:"sample"`      // 1: all rows
}

// people is an audience as the rows tell it. It is safe for concurrent use.
type people struct {
	file   bool
	sample uint32

	mu    sync.Mutex
	table *segment.Table
	body  pipeline.Items // what a row of a file says, as a streamed one has it
}

// newPeople is nil for a sync that fills no audience.
func newPeople(s *daemon.Sync, sample uint32) *people {
	if !s.IsAudience() {
		return nil
	}
	p := &people{file: s.Kind() == daemon.KindFile, sample: sample, table: segment.NewTable(s.Name, s.Framing.Identity)}
	p.table.Sample(sample)
	return p
}

// add takes a row over. A row whose operation is skipped, or of which a value was not read, leaves a person as it is.
func (p *people) add(r *pipeline.Record, s *side, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.file {
		p.table.Add(r, s.trial.Items(), err)
		return
	}
	p.body.Reset()
	if err == nil || takesOut(err) {
		p.body.Buf = segment.AppendMember(p.body.Buf, s.digests)
		p.body.List = append(p.body.List, pipeline.Item{End: int32(len(p.body.Buf))})
	}
	p.table.Add(r, &p.body, err)
}

// takesOut reports whether a row of a file that is not in it takes its person out, as the build of files has it.
func takesOut(err error) bool {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		return r.Reason != pipeline.UnavailableValueInRow
	}
	return errors.Is(err, pipeline.SkipFiltered) || errors.Is(err, pipeline.SkipNoIdentifier) || errors.Is(err, pipeline.SkipNotMember)
}

// size is nil where there is no audience.
func (p *people) size() *Size {
	if p == nil {
		return nil
	}
	of := p.table.Sizes()
	s := &Size{People: of.People * int64(p.sample), Identifiers: map[string]int64{}, Sample: int64(p.sample)}
	for kind, n := range of.Identifiers {
		if n > 0 {
			s.Identifiers[member.Kind(kind).Name()] = n * int64(p.sample)
		}
	}
	return s
}

// AudienceDifference is how an audience differs. First are positions of last rows.
type AudienceDifference struct {
	Enter   int64    `json:"enter"`   // people who are in it and were not
	Leave   int64    `json:"leave"`   // people who are not in it and were
	Changed int64    `json:"changed"` // people with other identifiers
	First   []string `json:"first,omitempty"`
}

// since is what differs from the older configuration.
func (p *people) since(older *people) *AudienceDifference {
	if p == nil || older == nil {
		return nil
	}
	d, places := &AudienceDifference{}, tally{}
	p.table.Since(older.table, func(m segment.Move, at pipeline.Position) {
		switch m {
		case segment.Enters:
			d.Enter += int64(p.sample)
		case segment.Leaves:
			d.Leave += int64(p.sample)
		case segment.Changes:
			d.Changed += int64(p.sample)
		}
		places.places([]pipeline.Position{at}, mostPlaces)
	})
	d.First = places.words()
	return d
}
