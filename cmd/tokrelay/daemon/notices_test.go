package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/notify"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// topicOf is a state topic in memory, which several stores may read.
type topicOf struct{ records []pipeline.Record }

func (t *topicOf) store() *state.Store {
	return state.NewStore(state.Log{
		Topic: "state",
		Ends: func(context.Context) (string, map[int32]int64, error) {
			return "", map[int32]int64{0: int64(len(t.records))}, nil
		},
		Read: func(_ context.Context, _ string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			for i := from[0]; i < to[0]; i++ {
				if err := each(&t.records[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Produce: func(_ context.Context, records []pipeline.Record) []error {
			for _, r := range records {
				r.Offset = int64(len(t.records))
				t.records = append(t.records, r)
			}
			return make([]error, len(records))
		},
	}, time.Now)
}

// teller is an instance that tells a channel, which notes it.
type teller struct {
	*notices
	heard *[]string
	fails bool
}

func newTeller(topic *topicOf, key string, heard *[]string) *teller {
	d := &Daemon{Wiring: &Wiring{State: topic.store(), Config: &Config{Syncs: []Sync{{Name: "web"}}}, Log: slog.New(slog.DiscardHandler)}}
	return &teller{notices: &notices{d: d, key: key, began: time.Now(), absent: map[string]time.Time{}, failed: map[string]bool{}}, heard: heard}
}

// look is what tellOperators does every ten seconds, after the instances have said how they are.
func (of *teller) look(t *testing.T, says map[string][]HeldBy) {
	t.Helper()
	store := of.d.Wiring.State
	for key, troubles := range says {
		doc, _ := json.Marshal(Report{Instance: key, At: time.Now(), Syncs: map[string]SyncReport{"web": {Troubles: troubles}}})
		if err := store.Put(t.Context(), key, doc); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !of.first() {
		return
	}
	of.tell(t.Context(), notify.Channel{Name: "slack", Send: func(_ context.Context, n notify.Notice) error {
		if of.fails {
			return errors.New("away")
		}
		*of.heard = append(*of.heard, fmt.Sprintf("%s %s/%s", n.Event, n.Sync, n.Kind))
		return nil
	}}, of.held(), nil)
}

func TestOperatorsAreToldOnceOfAllInstancesAndOfTheEndWhoeverTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, heard := &topicOf{}, []string{}
		a, b := newTeller(topic, "instance/a", &heard), newTeller(topic, "instance/b", &heard)
		token := []HeldBy{{Kind: pipeline.TroubleToken, Stop: true, Since: time.Now()}}
		away := []HeldBy{{Kind: pipeline.TroubleTikTok, Since: time.Now()}}
		says := map[string][]HeldBy{"instance/a": token, "instance/b": append(away, token...)}
		both := func(times int) {
			for range times {
				a.look(t, says)
				b.look(t, says)
				time.Sleep(noticeEvery)
			}
		}
		expect := func(when string, want ...string) {
			t.Helper()
			if !slices.Equal(heard, want) {
				t.Errorf("%s: told %v, want %v", when, heard, want)
			}
		}
		a.fails = true
		both(2)
		expect("while the channel is away")
		a.fails = false
		both(3)
		expect("what needs an operator", "held web/token")
		both(60)
		expect("what lasts ten minutes", "held web/token", "held web/tiktok")
		delete(says, "instance/a") // a is gone, and b tells
		both(4)
		says["instance/b"] = away
		both(4)
		expect("a trouble that may come back", "held web/token", "held web/tiktok")
		both(5)
		expect("a trouble that is over", "held web/token", "held web/tiktok", "resumed web/token")
		says["instance/b"] = nil
		both(9)
		expect("all is well", "held web/token", "held web/tiktok", "resumed web/token", "resumed web/tiktok")
	})
}
