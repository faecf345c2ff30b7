package segment

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// queue settles each row as it is told, and keeps the bodies of calls.
type queue struct {
	ends func(row int) pipeline.Outcome
	late bool
	err  error
	sent []string // envelope and body
}

func (q *queue) Deliver(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	for i := range items.List {
		q.sent = append(q.sent, items.Envelope(i)+" "+string(items.Body(i)))
		if o := q.ends(int(items.List[i].Row)); o != pipeline.Unsettled {
			c.Settle(int(items.List[i].Row), o)
		}
		if r := &c.Records[items.List[i].Row]; !r.Bare || r.Topic == "" {
			q.sent = append(q.sent, "a letter of it would not have the row's position")
		}
	}
	items.Late = q.late
	return q.err
}

func accepts(int) pipeline.Outcome { return pipeline.Delivered }

type ids struct{ err error }

func (a ids) IDs(context.Context, string) ([]string, error) { return []string{"9001"}, a.err }

func saying(kind member.Kind, digest byte, version uint64, remove bool) owners.Saying {
	return owners.Saying{Kind: kind, Digest: bytes.Repeat([]byte{digest}, kind.Size()), Version: version, Remove: remove,
		Source: pipeline.Position{Topic: "customers", Offset: int64(version)}}
}

const (
	email member.Kind = iota
	phone
	idfa
)

const both = "audience: {name: Newsletter}\nidentifiers: {EMAIL_SHA256: email, PHONE_SHA256: phone}"

func TestDigestsOfOnePersonShareAnElement(t *testing.T) {
	q := &queue{ends: accepts}
	teller := NewTeller(planOf(t, both), TellerDeps{Queue: q, Audiences: ids{}})
	list := []owners.Saying{saying(phone, 2, 1, false), saying(email, 3, 2, false), saying(email, 1, 1, false), saying(email, 4, 1, true), saying(email, 5, 2, false), saying(idfa, 6, 2, false)}
	teller.Tell(t.Context(), list)
	var got []string
	for _, s := range q.sent {
		for _, d := range "123456" {
			s = strings.ReplaceAll(s, strings.Repeat("0"+string(d), 32), string(d))
		}
		got = append(got, strings.ReplaceAll(strings.ReplaceAll(s, `,"audience_ids":["9001"]`, ""), `"id":`, ""))
	}
	want := []string{`delete [{"4"},{}]`, `add [{"1"},{"2"}]`, `add [{"3"},{}]`, `add [{"5"},{}]`, `add 2 [{"6"}]`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range list {
		if list[i].Outcome != owners.Accepted {
			t.Errorf("saying %d: got outcome %v, want accepted", i, list[i].Outcome)
		}
	}
}

func TestAnElementThatIsRefusedRefusesItsDigestOnly(t *testing.T) {
	q := &queue{ends: func(row int) pipeline.Outcome {
		return []pipeline.Outcome{pipeline.DeadLettered, pipeline.Delivered, pipeline.Unsettled}[row]
	}, err: context.Canceled}
	list := []owners.Saying{saying(email, 1, 1, false), saying(email, 3, 2, false), saying(email, 4, 3, false)}
	NewTeller(planOf(t, both), TellerDeps{Queue: q, Audiences: ids{}}).Tell(t.Context(), list)
	want := []owners.Outcome{owners.Refused, owners.Accepted, owners.Unanswered}
	for i := range list {
		if list[i].Outcome != want[i] {
			t.Errorf("saying %d: got %v, want %v", i, list[i].Outcome, want[i])
		}
	}
}

// A household's number is not to be missing because TikTok refuses the e-mail address of one of its people.
func TestADigestThatWasRefusedWithAnotherIsSaidAlone(t *testing.T) {
	calls := 0
	q := &queue{ends: func(row int) pipeline.Outcome {
		calls++
		return []pipeline.Outcome{pipeline.DeadLettered, pipeline.DeadLettered, pipeline.Delivered}[calls-1]
	}}
	list := []owners.Saying{saying(email, 1, 1, false), saying(phone, 2, 1, false)}
	NewTeller(planOf(t, both), TellerDeps{Queue: q, Audiences: ids{}}).Tell(t.Context(), list)
	if list[0].Outcome != owners.Refused || list[1].Outcome != owners.Accepted || len(q.sent) != 3 {
		t.Errorf("got %v and %v in %d elements, want one refused, one accepted, in 3", list[0].Outcome, list[1].Outcome, len(q.sent))
	}
}

func TestWhatMayStillHaveItsEffectIsSaidAgainOnceItCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teller := NewTeller(planOf(t, both), TellerDeps{Queue: &queue{ends: accepts, late: true}, Audiences: ids{}, Longest: 30 * time.Second})
		list := []owners.Saying{saying(email, 1, 1, false)}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the partition is given up: the wait goes on
		began := time.Now()
		teller.Tell(ctx, list)
		if d := time.Since(began); d != 30*time.Second || list[0].Outcome != owners.Unanswered {
			t.Errorf("got outcome %v after %v, want unanswered after 30s", list[0].Outcome, d)
		}
	})
}

func TestAnAudienceOfRowsThatTikTokRefusesRejectsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(t, "audience: {column: lists}\nidentifiers: {EMAIL_SHA256: email}")
		var box letterBox
		refused := &audience.Refused{Trouble: &pipeline.Trouble{What: "audience name is not allowed"}}
		teller := NewTeller(plan, TellerDeps{Queue: &queue{ends: accepts}, Audiences: ids{err: refused}, DeadLetters: &box})
		list := []owners.Saying{saying(email, 1, 1, false), saying(email, 2, 1, true)}
		for i := range list {
			list[i].Audience = []byte("vip")
		}
		teller.Tell(t.Context(), list)
		if len(box.letters) != 1 || box.letters[0].Rejection.Reason != pipeline.UnknownAudience || !box.letters[0].Record.Bare {
			t.Errorf("got %v, want one letter of the addition, by its position", box.letters)
		}
		for i := range list {
			if list[i].Outcome != owners.Refused {
				t.Errorf("saying %d: got %v, want refused", i, list[i].Outcome)
			}
		}
	})
}

func TestTroubleWithTheAudienceIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := pipeline.NewStatus(time.Now)
		q := &queue{ends: accepts}
		teller := NewTeller(planOf(t, both), TellerDeps{Sync: "s", Queue: q, Audiences: ids{err: &pipeline.Trouble{What: "TikTok is away"}}, Status: status})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ended := make(chan struct{})
		list := []owners.Saying{saying(email, 1, 1, false)}
		go func() { defer close(ended); teller.Tell(ctx, list) }()
		time.Sleep(30 * time.Second)
		if troubles := status.Troubles("s"); len(troubles) != 1 || troubles[0].What != "TikTok is away" {
			t.Errorf("got %v, want the trouble", troubles)
		}
		<-ended
		if list[0].Outcome != owners.Unanswered || len(q.sent) > 0 || len(status.Troubles("s")) > 0 {
			t.Errorf("got outcome %v, %d sent, %d troubles, want nothing said and no trouble", list[0].Outcome, len(q.sent), len(status.Troubles("s")))
		}
	})
}
