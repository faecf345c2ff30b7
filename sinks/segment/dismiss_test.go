package segment

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// picky finds every audience but the odd one.
type picky struct {
	target string
	odd    error
	asked  *int
}

func (p picky) IDs(_ context.Context, name string) ([]string, error) {
	if name == "Odd" {
		*p.asked++
		return nil, p.odd
	}
	return []string{p.target}, nil
}

func TestARowWhoseAudienceCannotBeIsRejectedAndItsNeighboursAreDelivered(t *testing.T) {
	refused := &audience.Refused{Trouble: &pipeline.Trouble{Kind: pipeline.TroubleAudience, What: "create audience: no (40002)", Stop: true}}
	t.Run("TikTok refuses it", func(t *testing.T) {
		testOddAudience(t, refused, enough, pipeline.UnknownAudience, "create audience: no (40002)")
	})
	t.Run("there is no room for it", func(t *testing.T) {
		testOddAudience(t, &audience.Full{Audiences: 100}, 1, pipeline.TooManyAudiences, "most_audiences")
	})
}

func testOddAudience(t *testing.T, odd error, asks int, reason pipeline.Reason, says string) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		box, target := strict(t)
		cols := &mapping.Columns{}
		cols.Index("email")
		cols.Index("list")
		plan, err := New(loaded(t, "audience: {column: list}\nidentifiers: {EMAIL_SHA256: email}"), Options{AdvertiserID: sandbox.DefaultAdvertiser}, cols, time.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		shape := &pipeline.Shape{}
		shape.Names, _ = cols.Wanted()
		letters, fine := &letterBox{}, func() error { return nil }
		sink := NewSink(plan, Deps{
			Sync: "newsletter", Queue: &queue{plan: plan, sandbox: box, step: fine}, DeadLetters: letters, Audiences: picky{target, odd, &asked},
			Memory: state.NewMembers((&topic{}).log(fine), EachClaim, nil), Status: pipeline.NewStatus(time.Now),
		})
		records, items, maker := make([]pipeline.Record, 4), pipeline.Items{}, plan.Maker()
		for i, list := range []string{"News", "Odd", "News", "Odd"} {
			records[i] = pipeline.Record{Topic: "shop.customers", Offset: int64(i), Key: []byte{byte('a' + i)}}
			email := string(rune('a'+i)) + "@example.com"
			values := map[string]pipeline.Value{"email": text(email), "list": text(list)}
			var row []pipeline.Value
			for _, name := range shape.Names {
				row = append(row, values[name])
			}
			c := pipeline.Change{Op: pipeline.Insert, Shape: shape, After: pipeline.Image{Present: true, Values: row}, Key: records[i].Key}
			if err := maker.Make(&items, i, &c); err != nil {
				t.Fatal(err)
			}
		}
		chunk := pipeline.NewChunk(records)
		if err := sink.Deliver(t.Context(), chunk, &items); err != nil {
			t.Fatal(err)
		}
		got := []pipeline.Outcome{chunk.Settled(0), chunk.Settled(1), chunk.Settled(2), chunk.Settled(3)}
		if want := []pipeline.Outcome{pipeline.Delivered, pipeline.DeadLettered, pipeline.Delivered, pipeline.DeadLettered}; !slices.Equal(got, want) {
			t.Errorf("outcomes: got %v, want %v", got, want)
		}
		if got := letters.reasons(); !slices.Equal(got, []pipeline.Reason{reason, reason}) {
			t.Errorf("dead letters: got %v, want %s", got, reason)
		}
		if got := letters.letters[0].Rejection.Message(); !strings.Contains(got, says) {
			t.Errorf("the letter says %q, want %q in it", got, says)
		}
		if asked != asks {
			t.Errorf("asked for the audience %d times, want %d", asked, asks)
		}
	})
}
