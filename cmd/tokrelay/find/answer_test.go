package find

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

// The memberships of a row's person coloured the answer, which they are not a part of.
func TestTheAnswerOfAPositionIsThatOfItsRows(t *testing.T) {
	a := &Answer{Memberships: []Membership{{Words: "on its way into Newsletter", Pending: true, Tone: Wait}}}
	row := a.row(outcomes.Row{Sync: "purchases", Topic: "orders"})
	row.State, row.Words = Delivered, "sent"
	if a.conclude(&Question{As: Place, Place: &pipeline.Position{}}); a.Tone != Good || a.Verdict != "Sent." {
		t.Errorf("got %s, %s", a.Tone, a.Verdict)
	}
	if a.conclude(&Question{As: Email}); a.Tone != Wait || a.Verdict != "On its way into Newsletter. Sent, and accepted by TikTok." {
		t.Errorf("of the person: got %s, %s", a.Tone, a.Verdict)
	}
}

func TestOfVeryManyRowsTheNewestAreTold(t *testing.T) {
	f := &search{answer: &Answer{}}
	var found []*outcomes.Outcome
	for i := range 3 * mostRows {
		found = append(found, &outcomes.Outcome{Sync: "s", Topic: "t", Offset: int64(i), Settled: int64(1000 + i)})
	}
	found = append(found, &outcomes.Outcome{Sync: "s", Topic: "t", Offset: 0, Settled: 5000}) // an old row that was repaired just now
	got := f.newest(found)
	if !f.answer.Looked.More || len(got) != mostRows+1 || got[0].Offset != 0 || got[1].Offset != 2*mostRows+1 || got[mostRows].Settled != 5000 {
		t.Errorf("got %d outcomes, the first of %d, more: %v", len(got), got[0].Offset, f.answer.Looked.More)
	}
}

// Of a row with two identifiers TikTok may refuse one. For the owners of digests that one was told, as if it were in.
func TestOfARowsIdentifiersThoseThatTikTokRefusedAreNotIn(t *testing.T) {
	taken, refused := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	by := []Wanter{{Sync: "newsletter", At: "people/0/7"}}
	a := &Answer{Memberships: []Membership{{Sync: "vip", In: true, Rows: by, hash: refused, Words: "in"}, {Sync: "newsletter", In: true, Rows: by, hash: taken, Words: "in"}}}
	o := &outcomes.Outcome{Sync: "newsletter", Topic: "people", Offset: 7, End: outcomes.Rejected, Reason: string(pipeline.RefusedByTikTok), Digests: refused[:outcomes.Prefix]}
	a.row(o.Row()).endedAs(&daemon.Config{}, o)
	a.refusals()
	if m := a.Memberships[0]; !m.Refused || m.In || m.Tone != Stop || !strings.HasPrefix(m.Words, "not in") {
		t.Errorf("the refused one: got %+v", m)
	}
	if m := a.Memberships[1]; m.Refused || !m.In {
		t.Errorf("the other one: got %+v", m)
	}
	o.End, o.Reason, o.Digests = outcomes.Delivered, "", nil
	a.row(o.Row()).endedAs(&daemon.Config{}, o)
	a.Memberships[0].Refused = false
	if a.refusals(); a.Memberships[0].Refused {
		t.Error("one that a replay repaired is refused still")
	}
}

// Rows of a topic that was made again are in the places of other rows.
func TestRowsOfTwoTopicsOfANameAreTold(t *testing.T) {
	a := &Answer{}
	one, other := a.row(outcomes.Row{Sync: "s", Topic: "t", Time: 1000}), a.row(outcomes.Row{Sync: "s", Topic: "t", Time: 2000})
	if one == other || one.At != other.At || !one.Changed.Equal(time.UnixMilli(1000)) || a.row(one.id) != one {
		t.Errorf("got %+v and %+v", one, other)
	}
}

func TestARowIsSkippedForTheReasonOfItsOutcome(t *testing.T) {
	f := &search{answer: &Answer{}}
	row := &Row{}
	row.endedAs(&daemon.Config{}, &outcomes.Outcome{End: outcomes.Skipped, Reason: string(pipeline.SkipNotMember)})
	if f.judge(row, &traced{skip: pipeline.SkipFiltered, condition: "`when: x` is false"}); strings.Contains(row.Words, "when") {
		t.Errorf("the condition of another reason is named: %s", row.Words)
	}
	if f.judge(row, &traced{skip: pipeline.SkipNotMember, condition: "`member_when: x` is false"}); row.Words != "skipped: `member_when: x` is false" {
		t.Errorf("got %s", row.Words)
	}
}

func TestALaterVersionsOutcomeIsNotTakenForARejection(t *testing.T) {
	row := &Row{}
	if row.endedAs(&daemon.Config{}, &outcomes.Outcome{End: 99, Settled: 1}); row.State != Forgotten || !strings.Contains(row.Words, "later version") {
		t.Errorf("got %+v", row)
	}
}

func TestWhatItIsTakenForDecidesWhereItIsLookedFor(t *testing.T) {
	sum := func(text string) []byte { return outcomes.AppendKey(nil, []byte(text)) }
	key, event, person := &outcomes.Outcome{Key: sum("42")}, &outcomes.Outcome{EventID: []byte("42")}, &outcomes.Outcome{Digests: sum("42")}
	for as, want := range map[As]string{Key: "true false false", EventID: "false true false", Customer: "false false true", Text: "true true true"} {
		q, err := Recognise("42", as, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := newMatcher(q, nil)
		if got := fmt.Sprint(m.outcome(key), m.outcome(event), m.outcome(person)); got != want {
			t.Errorf("as %s: key, event id, customer: got %s, want %s", as, got, want)
		}
	}
}
