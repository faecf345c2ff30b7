package daemon

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// LetterStates know which dead letters are open. They may be asked by several goroutines.
type LetterStates struct {
	known *outcomes.States // nil: no outcomes are kept
	asked [5]atomic.Int64  // by state: letters that Open was asked for
}

// LetterStates reads the states of letters that were written since a time; zero: of all. progress may be nil.
func (c *Config) LetterStates(ctx context.Context, client *admin.Client, since time.Time, progress func(read, of int64)) (*LetterStates, error) {
	if !c.Outcomes.Enabled {
		return &LetterStates{}, nil
	}
	if !since.IsZero() {
		since = since.Add(-outcomeLate)
	}
	tell := func(p outcomes.Progress) {
		if progress != nil {
			progress(p.Read, p.Of)
		}
	}
	known, err := outcomes.ReadStates(ctx, c.OutcomesIn(client), since, tell)
	if err != nil {
		return nil, fmt.Errorf("read the states of dead letters: %w", err)
	}
	return &LetterStates{known: known}, nil
}

// outcomeLate is by how much clocks may differ between those who write letters and those who keep them.
const outcomeLate = time.Minute

// Of is the state of the letter in the record, whose head h is.
func (s *LetterStates) Of(r *pipeline.Record, h *deadletter.Head) outcomes.State {
	if s.known == nil {
		return outcomes.Unknown
	}
	partition, err := strconv.ParseInt(string(h.Partition), 10, 32)
	offset, other := strconv.ParseInt(string(h.Offset), 10, 64)
	if err != nil || other != nil {
		return outcomes.Unknown
	}
	written, _ := time.Parse(time.RFC3339, string(h.Written)) // the zero time says that it is unknown
	row := outcomes.Row{Sync: string(h.Sync), Topic: string(h.Topic), Partition: int32(partition), Offset: offset, Time: outcomes.Millis(written)}
	return s.known.Of(row, outcomes.Letter{Partition: r.Partition, Offset: r.Offset}, r.Timestamp)
}

// OfLetter is Of for a letter that was parsed.
func (s *LetterStates) OfLetter(d *deadletter.Dead) outcomes.State {
	if s.known == nil {
		return outcomes.Unknown
	}
	return s.known.Of(RowOf(d), outcomes.Letter{Partition: d.At.Partition, Offset: d.At.Offset}, d.Failed)
}

// Open reports whether a letter is open, as a Filter asks, and counts it by its state. Where no outcomes are kept every letter may be open.
func (s *LetterStates) Open(r *pipeline.Record, h *deadletter.Head) bool {
	state := s.Of(r, h)
	s.asked[state].Add(1)
	return state == outcomes.Open || s.known == nil
}

// Kept reports whether outcomes are kept, from which states are known.
func (s *LetterStates) Kept() bool { return s.known != nil }

// Asked is how many letters of a state Open was asked for.
func (s *LetterStates) Asked(state outcomes.State) int64 { return s.asked[state].Load() }

// Histories reads what became of the rows of letters, in order.
func (c *Config) Histories(ctx context.Context, client *admin.Client, letters ...*deadletter.Dead) (map[outcomes.Row][]*outcomes.Outcome, error) {
	rows, since := map[outcomes.Row][]*outcomes.Outcome{}, time.Now()
	for _, d := range letters {
		rows[RowOf(d)] = nil
		if d.First.Before(since) { // the zero time, too: it is not known, and all outcomes are read
			since = d.First
		}
	}
	if !c.Outcomes.Enabled || len(rows) == 0 {
		return rows, nil
	}
	if !since.IsZero() {
		since = since.Add(-outcomeLate)
	}
	if err := outcomes.History(ctx, c.OutcomesIn(client), since, rows); err != nil {
		return nil, fmt.Errorf("read what became of rows: %w", err)
	}
	return rows, nil
}

// HistoryOf is the state of a letter, in words, and the history of its row, made of the row's outcomes.
func HistoryOf(d *deadletter.Dead, list []*outcomes.Outcome) (state string, history []deadletter.Event) {
	for _, o := range list {
		history = append(history, EventOf(o))
	}
	return outcomes.StateIn(list, outcomes.Letter{Partition: d.At.Partition, Offset: d.At.Offset}, d.Failed).String(), history
}

// EventOf is how a row ended, as its history has it.
func EventOf(o *outcomes.Outcome) deadletter.Event {
	e := deadletter.Event{At: o.SettledAt().UTC(), Outcome: o.End.String(), Reason: o.Reason, RequestID: o.RequestID, Call: o.Call, Replay: o.Replay, By: o.By}
	if o.Action != outcomes.None {
		e.Action = o.Action.String()
	}
	if o.HasCode {
		e.Code = strconv.Itoa(o.Code)
	}
	return e
}

// RowOf is the row of a letter.
func RowOf(d *deadletter.Dead) outcomes.Row {
	return outcomes.RowOf(d.Sync, &d.Record)
}
