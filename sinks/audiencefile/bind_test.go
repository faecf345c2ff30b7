package audiencefile

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	bound "github.com/tokrelay/tokrelay/sinks/audience"
)

func TestChangingTheModeDemandsAResyncBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 3000)
		segment := bound.Binding{Mode: bound.Owned, Name: "Lapsed customers", Generation: 4}
		if err := bound.Remember(t.Context(), w.store(), bound.Key("lapsed", ""), segment); err != nil {
			t.Fatal(err)
		}
		i := w.instance(tempDir(t))
		_, err := i.Run(t.Context(), Options{Why: "request"})
		wantTheWayOut(t, err)
		if calls := len(w.tiktok.Calls()); calls != 0 {
			t.Errorf("%d calls were made, want none", calls)
		}

		resync(t, w, bound.File)
		i.upload(Uploaded, Options{Why: "request"})
		_, err = bound.Bound(t.Context(), w.store(), "lapsed", bound.Key("lapsed", ""), segment)
		wantTheWayOut(t, err)

		resync(t, w, bound.Owned)
		b, err := bound.Bound(t.Context(), w.store(), "lapsed", bound.Key("lapsed", ""), segment)
		if err != nil || b.Mode != "" || b.Generation != 6 {
			t.Errorf("got %+v, %v, want a sync that is free again, two resyncs on", b, err)
		}
	})
}

func TestAFileMayGoToAnotherAudienceAsItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 2000)
		folder := tempDir(t)
		w.instance(folder).upload(Uploaded, Options{Why: "request"})
		w.config = strings.Replace(plainConfig, "Lapsed customers", "Lapsed for long", 1)
		<-time.After(25 * time.Hour)
		w.instance(folder).upload(Uploaded, Options{Why: "request"})
		if got := len(w.tiktok.Audiences()); got != 2 {
			t.Errorf("got %d audiences, want the old one and the new one", got)
		}
	})
}

func wantTheWayOut(t *testing.T, err error) {
	t.Helper()
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok || !trouble.Stop || !strings.Contains(trouble.What, "tokrelay resync --sync lapsed") {
		t.Errorf("got %v, want a stop that says the way out", err)
	}
}

func resync(t *testing.T, w *world, mode string) {
	t.Helper()
	if err := bound.Resync(t.Context(), w.store(), "lapsed", mode, false); err != nil {
		t.Fatal(err)
	}
}
