package pipeline

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTroubleIsLoggedWhenItBeginsEveryHourAndWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := NewStatus(time.Now)
		s.LogTo(slog.New(slog.NewJSONHandler(&log, nil)))
		go s.Remind(t.Context())
		began := time.Now()
		refused := &Trouble{Kind: TroubleRefused, What: "pixel C4: no", Stop: true}
		for time.Since(began) < 150*time.Minute { // the step tries again and again, and says so each time
			s.Set("orders", "delivery", refused)
			<-time.After(7 * time.Second)
		}
		s.Clear("orders", "delivery")
		var got []string
		for line := range strings.Lines(log.String()) {
			var entry struct {
				Level, Msg, Sync, Kind, What string
				For                          string `json:"for"`
				Held                         string `json:"held_up_for"`
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.Join([]string{entry.Level, entry.Msg, entry.Sync, entry.Kind, entry.What, entry.For, entry.Held}, "|"))
		}
		want := []string{
			"ERROR|sync is held up|orders|refused_all|pixel C4: no|0s|",
			"ERROR|sync is still held up|orders|refused_all|pixel C4: no|1h0m0s|",
			"ERROR|sync is still held up|orders|refused_all|pixel C4: no|2h0m0s|",
			"INFO|sync goes on|orders|refused_all|||2h30m2s",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
