package delivery_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

const advice = "advertiser 7 has no such pixel: correct it"

func TestADestinationThatRefusesEverythingIsAskedAboutBeforeItIsTold(t *testing.T) {
	for _, c := range troubles {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, log, asked := newFlow(t, nil, tiktok.Config{}, ""), &bytes.Buffer{}, &atomic.Int32{}
				f.status.LogTo(slog.New(slog.NewTextHandler(log, nil)))
				f.asked = func(context.Context) string { asked.Add(1); return advice }
				worth := c.kind != pipeline.TroubleTikTok && (c.kind != pipeline.TroubleToken || strings.HasPrefix(c.name, "no permission"))
				done := f.stream(30)
				<-time.After(time.Second)
				f.wire.say(c.answer)
				<-time.After(5 * time.Second)
				synctest.Wait()
				list := f.status.Troubles("purchases")
				if len(list) != 1 || list[0].Kind != c.kind || strings.HasPrefix(list[0].What, advice) != worth {
					t.Errorf("troubles: got %v, want %s with what was learnt: %v", list, c.kind, worth)
				}
				if told, whole := strings.Count(log.String(), "held up"), strings.Count(log.String(), advice); told != 1 || whole == 1 != worth {
					t.Errorf("log: got\n%s, want one line with what was learnt: %v", log, worth)
				}
				<-time.After(2 * time.Minute)
				if n := int(asked.Load()); worth && (n < 3 || n > 5) || !worth && n > 0 {
					t.Errorf("asked %d times in two minutes, want about every half of one: %v", n, worth)
				}
				f.wire.say(nil)
				<-done
				if len(f.letters.rows) > 0 {
					t.Errorf("%d dead letters, want none", len(f.letters.rows))
				}
			})
		})
	}
}

func TestTroubleIsToldThoughTheQuestionIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, nil, tiktok.Config{}, "")
		f.asked = func(ctx context.Context) string { <-ctx.Done(); return "" }
		done := f.stream(10)
		f.wire.say(coded(40007, "The object does not exist."))
		<-time.After(5 * time.Second)
		if list := f.status.Troubles("purchases"); len(list) != 1 || list[0].Kind != pipeline.TroubleRefused {
			t.Errorf("troubles: got %v, want %s", list, pipeline.TroubleRefused)
		}
		f.wire.say(nil)
		<-done
		f.wantAll(10 * rowsPerCall)
	})
}

// Bad rows among good ones are found without a question: the destination works.
func TestADestinationThatWorksIsNotAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(t, nil, tiktok.Config{}, "")
		f.asked = func(context.Context) string { t.Error("asked"); return "" }
		f.wire.say(refusing(func(row int) bool { return row%23 == 3 }, nil))
		<-f.stream(10)
	})
}
