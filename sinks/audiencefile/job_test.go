package audiencefile

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAudienceIsCreatedThenReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 3000)
		i := w.instance(tempDir(t))
		m := i.upload(Uploaded, Options{Why: "request"})
		if m.Action != actionCreate || m.Members != 3000 || m.Compared {
			t.Errorf("got %+v, want a new audience of 3000", m)
		}
		w.holdsTheTable()

		<-time.After(25 * time.Hour)
		for k := range 100 {
			w.topic.write(w.topic.key(k), "")
		}
		w.people(3000, 3200)
		m = i.upload(Uploaded, Options{Why: "schedule"})
		if m.Action != actionReplace || m.Added != 200 || m.Removed != 100 || m.Unchanged != 2900 || !m.Reused || m.Records != 300 {
			t.Errorf("got %+v, want 200 added, 100 removed, of the 300 new records", m)
		}
		w.holdsTheTable()
		if s, err := i.Settle(t.Context()); s != Usable || err != nil {
			t.Errorf("got %q, %v, want usable", s, err)
		}
		list, err := Manifests(t.Context(), w.store(), i.deps.Advertiser, i.plan.cfg.Audience)
		if err != nil || len(list) != 2 || list[0].Covered != 3100 || list[0].Settled != Usable {
			t.Errorf("got manifests %+v, %v", list, err)
		}
	})
}
