package audiencefile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

func TestFewerThanAThousandMembersAreRefusedBeforeAnyCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 999)
		w.topic.write("second", "c|person7@example.com|true") // 1000 rows, 999 members
		i := w.instance(tempDir(t))
		m := i.upload(TooSmall, Options{Force: true})
		if !strings.Contains(m.Text, "999") || m.Duplicates != 1 {
			t.Errorf("got %q and %d duplicates, want the number 999, and 1", m.Text, m.Duplicates)
		}
		if n := w.tiktok.Stats().Calls; n != 0 {
			t.Errorf("got %d calls, want none", n)
		}
		if len(i.status.Troubles("lapsed")) != 1 {
			t.Error("the status has no trouble")
		}
	})
}

func TestAShrunkenAudienceWaitsForForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 3000)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		for k := range 1600 {
			w.topic.write(w.topic.key(k), "")
		}
		before := w.tiktok.Stats().Endpoints[endpointUpload].Calls
		m := i.upload(Shrunk, Options{})
		if m.Members != 1400 || m.Previous != 3000 || w.tiktok.Stats().Endpoints[endpointUpload].Calls != before {
			t.Errorf("got %+v, want 1400 of 3000 and no upload", m)
		}
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 1 || !troubles[0].Stop {
			t.Errorf("got troubles %v, want one that someone has to act on", troubles)
		}
		i.upload(Uploaded, Options{Force: true})
		w.holdsTheTable()
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 0 {
			t.Errorf("got troubles %v after the upload, want none", troubles)
		}
	})
}

func TestTheSameSetIsNotUploadedAgain(t *testing.T) {
	for name, other := range map[string]bool{"by the same instance": false, "by one that has nothing on disk": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, plainConfig)
				w.people(0, 1500)
				i := w.instance(tempDir(t))
				i.upload(Uploaded, Options{})
				<-time.After(25 * time.Hour)
				w.topic.write("key-3", "u|person3@example.com|true")
				if other {
					i = w.instance(tempDir(t))
				}
				m := i.upload(Unchanged, Options{})
				if m.Compared == other {
					t.Errorf("compared: got %v, want %v", m.Compared, !other)
				}
			})
		})
	}
}

func TestOneUploadADayWhateverIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		w.people(1500, 1600)
		<-time.After(10 * time.Hour)
		w.instance(tempDir(t)).upload(TooSoon, Options{Force: true})
		<-time.After(13 * time.Hour) // an hour is missing: the built files wait for it
		began := time.Now()
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		if waited := time.Since(began); waited < time.Hour || waited > 65*time.Minute {
			t.Errorf("waited %s, want the hour that was missing", waited)
		}
		w.holdsTheTable()
	})
}

func TestARowWithoutIdentifierTakesItsMemberOutAndHasNoLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		w.topic.write("key-5", "u||true")
		w.topic.write("key-6", "u|n/a|true")
		for i := range 2000 { // most of the table: no reason to stop
			w.topic.write(fmt.Sprintf("nobody-%d", i), "c||true")
		}
		m := w.instance(tempDir(t)).upload(Uploaded, Options{})
		if m.Letters != 0 || len(m.Rejected) != 0 || m.Skipped[pipeline.SkipNoIdentifier] != 2002 {
			t.Errorf("got %d letters, rejected %v, skipped %v, want 2002 skipped as no_identifier", m.Letters, m.Rejected, m.Skipped)
		}
		if _, got := w.held(); len(got) != 1498 {
			t.Errorf("got %d members, want 1498", len(got))
		}
	})
}

func TestRejectedRowsGetTheirLetterOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig+"require_identifier: true\n")
		w.people(0, 1500)
		w.topic.write("bad-1", "c|not an address|true")
		w.topic.write("bad-2", "nonsense")
		w.topic.write("key-5", "u||true")
		for range 3 {
			w.instance(tempDir(t)).upload(Uploaded, Options{})
			w.holdsTheTable()
			<-time.After(25 * time.Hour)
			w.people(2000+len(w.topic.members()), 2001+len(w.topic.members()))
		}
		w.topic.write("bad-3", "c|no|true")
		m := w.instance(tempDir(t)).upload(Uploaded, Options{})
		if m.Letters != 1 || m.Rejected[pipeline.InvalidEmail] != 2 || m.Rejected[pipeline.NoIdentifier] != 1 || m.Rejected[pipeline.AvroDecode] != 1 {
			t.Errorf("got %d letters and %v, want one letter, four rejected rows", m.Letters, m.Rejected)
		}
		if len(w.letters.count) != 4 {
			t.Errorf("got %d letters, want 4: %v", len(w.letters.count), w.letters.count)
		}
		for letter, n := range w.letters.count {
			if n != 1 {
				t.Errorf("%s: got %d letters, want 1", letter, n)
			}
		}
	})
}

func TestARunInWhichMostRowsAreRejectedStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 3000)
		for k := range 9000 {
			w.topic.write(w.topic.key(10_000+k), "c|gone wrong|true")
		}
		i := w.instance(tempDir(t))
		m, err := i.Run(t.Context(), Options{})
		if m.Result != Stopped || err == nil || len(w.tiktok.Audiences()) != 0 {
			t.Errorf("got %s, %v, want the run stopped", m.Result, err)
		}
		i.upload(Uploaded, Options{Force: true})
		w.holdsTheTable()
	})
}

func TestAnAudienceBeingProcessedIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.tiktok = sandbox.New(sandbox.Config{Now: time.Now, Limits: sandbox.NoLimits(), Refuse: sandbox.Strict(), Processing: 30 * time.Hour})
		w.people(0, 1500)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		w.people(1500, 1700)
		<-time.After(25 * time.Hour)
		m := i.upload(PutOff, Options{})
		if wait := m.Again.Sub(m.Ended); wait <= 0 || wait > time.Hour {
			t.Errorf("tried again after %s, want within an hour", wait)
		}
		<-time.After(6 * time.Hour)
		i.upload(Uploaded, Options{})
		<-time.After(31 * time.Hour)
		w.holdsTheTable()
	})
}

func TestAnUploadTikTokCannotUseIsReportedAfterTwoDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.tiktok = sandbox.New(sandbox.Config{Now: time.Now, Limits: sandbox.NoLimits(), Processing: 1000 * time.Hour})
		w.people(0, 1500)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		for range 47 {
			<-time.After(time.Hour)
			if s, err := i.Settle(t.Context()); s != "" || err != nil {
				t.Fatalf("got %q, %v before two days were over", s, err)
			}
		}
		<-time.After(2 * time.Hour)
		if s, err := i.Settle(t.Context()); s != Failed || err != nil {
			t.Errorf("got %q, %v, want failed", s, err)
		}
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 1 || !troubles[0].Stop {
			t.Errorf("got troubles %v, want one that someone has to act on", troubles)
		}
	})
}

func TestAnAudienceOfTheNameIsFoundAndOneOfAnotherKindRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1500)
		w.instance(tempDir(t)).upload(Uploaded, Options{})
		w.state = &stateTopic{} // the state topic was lost
		<-time.After(25 * time.Hour)
		w.people(1500, 1600)
		if m := w.instance(tempDir(t)).upload(Uploaded, Options{}); m.Action != actionReplace {
			t.Errorf("got %s, want the audience found and replaced", m.Action)
		}
		w.holdsTheTable()

		w.state = &stateTopic{}
		w.config = strings.Replace(plainConfig, "EMAIL_SHA256", "PHONE_SHA256", 1)
		w.topic = newTopic(1)
		for k := range 1200 {
			w.topic.write(w.topic.key(k), "c|+4915112345"+w.topic.key(1000 + k)[4:]+"|true")
		}
		m := w.instance(tempDir(t)).upload(Stopped, Options{})
		if !strings.Contains(m.Text, "EMAIL_SHA256") {
			t.Errorf("got %q, want the kinds named", m.Text)
		}
	})
}

// A truncate has no rows: the members of before are uploaded, and the log says so.
func TestATruncatedTableKeepsItsMembersAndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		w.topic.writeTo(1, "", "t")
		i := w.instance(tempDir(t))
		if m := i.upload(Uploaded, Options{}); m.Members != 1200 {
			t.Errorf("got %d members, want 1200", m.Members)
		}
		if !strings.Contains(i.log.String(), "truncated") {
			t.Errorf("the log does not say so:\n%s", i.log.String())
		}
	})
}
