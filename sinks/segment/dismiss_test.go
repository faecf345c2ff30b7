package segment

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// picky finds every audience, and has TikTok refuse one.
type picky struct{ target, refused string }

func (p picky) IDs(_ context.Context, name string) ([]string, error) {
	if name == p.refused {
		return nil, &audience.Refused{Trouble: &pipeline.Trouble{Kind: pipeline.TroubleAudience, What: "create audience: no (40002)", Stop: true}}
	}
	return []string{p.target}, nil
}

func TestARowWhoseAudienceIsRefusedIsRejectedAndItsNeighboursAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
			Sync: "newsletter", Queue: &queue{plan: plan, sandbox: box, step: fine}, DeadLetters: letters, Audiences: picky{target, "Odd"},
			Memory: state.NewMembers((&topic{}).log(fine), EachClaim, nil), Status: pipeline.NewStatus(time.Now),
		})
		records, items, maker := make([]pipeline.Record, 3), pipeline.Items{}, plan.Maker()
		for i, list := range []string{"News", "Odd", "News"} {
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
		got := []pipeline.Outcome{chunk.Settled(0), chunk.Settled(1), chunk.Settled(2)}
		if want := []pipeline.Outcome{pipeline.Delivered, pipeline.DeadLettered, pipeline.Delivered}; !slices.Equal(got, want) {
			t.Errorf("outcomes: got %v, want %v", got, want)
		}
		if got := letters.reasons(); !slices.Equal(got, []pipeline.Reason{pipeline.UnknownAudience}) {
			t.Errorf("dead letters: got %v, want unknown_audience", got)
		}
	})
}
