package audiencefile

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// TestTroubleOnTheWayCostsTimeAndNothingElse makes one kind of trouble at a time, while an audience is created and while it
// is replaced. The run has to end by itself, with the table at TikTok and one change taken.
func TestTroubleOnTheWayCostsTimeAndNothingElse(t *testing.T) {
	t.Parallel()
	create, update, upload := endpointCreate, endpointUpdate, endpointUpload
	list, get := "/dmp/custom_audience/list/", "/dmp/custom_audience/get/"
	cases := map[string]sandbox.Fault{
		"create is taken, its answer lost":           {Endpoint: create, Stage: sandbox.AfterEffect, Reset: true, Count: 1},
		"create is taken, its answer TikTok's error": {Endpoint: create, Stage: sandbox.AfterEffect, Code: 50000, Count: 1},
		"create never arrives":                       {Endpoint: create, Reset: true, Count: 2},
		"create meets a proxy's page":                {Endpoint: create, HTTPStatus: 502, Count: 3},
		"create is throttled":                        {Endpoint: create, Code: 40100, Count: 12},
		"create finds the files expired":             {Endpoint: create, Code: 40910, Count: 1},
		"update is taken, its answer lost":           {Endpoint: update, Stage: sandbox.AfterEffect, Reset: true, Count: 1},
		"update is taken, its answer a page":         {Endpoint: update, Stage: sandbox.AfterEffect, HTTPStatus: 504, Count: 1},
		"update never arrives":                       {Endpoint: update, Reset: true, Count: 4},
		"update finds no files":                      {Endpoint: update, Code: 40905, Count: 1},
		"update finds the token revoked":             {Endpoint: update, Code: 40105, Count: 3},
		"a file arrives damaged":                     {Endpoint: upload, Code: 40900, Count: 1},
		"uploads fail for a while":                   {Endpoint: upload, Code: 51010, Count: 8},
		"an upload's answer is lost":                 {Endpoint: upload, Stage: sandbox.AfterEffect, Reset: true, Count: 1},
		"lists fail for a while":                     {Endpoint: list, HTTPStatus: 503, Count: 5},
		"looks fail for a while":                     {Endpoint: get, Code: 40133, Count: 5},
		"everything fails now and then":              {Probability: 0.3, Seed: 7, Code: 50002},
	}
	for name, fault := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, plainConfig)
				w.people(0, 1200)
				w.tiktok.AddFault(fault)
				w.instance(tempDir(t)).upload(Uploaded, Options{})
				w.holdsTheTable()
				<-time.After(25 * time.Hour)
				w.people(1200, 1300)
				i := w.instance(tempDir(t))
				i.upload(Uploaded, Options{})
				w.holdsTheTable()
				if a, _ := w.held(); len(a.History) != 2 {
					t.Errorf("TikTok took %d changes, want a creation and a replace: %+v", len(a.History), a.History)
				}
				if troubles := i.status.Troubles("lapsed"); len(troubles) != 0 {
					t.Errorf("got troubles %v at the end, want none", troubles)
				}
			})
		})
	}
}

func TestAnUnfinishedReplaceWaitsForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		i := w.instance(tempDir(t))
		i.upload(Uploaded, Options{})
		<-time.After(25 * time.Hour)
		w.people(1200, 1300)
		w.tiktok.AddFault(sandbox.Fault{Endpoint: endpointUpdate, Code: 40002, Count: 1, Message: "This replace operation is rejected as there " +
			"is an existing unfinished replace operation for this audience."})
		m := i.upload(PutOff, Options{})
		if wait := m.Again.Sub(m.Ended); wait != 24*time.Hour {
			t.Errorf("tries again after %s, want the day that TikTok asks for, whatever the schedule", wait)
		}
		i.upload(Uploaded, Options{})
		w.holdsTheTable()
	})
}

func TestAnUnknownRefusalStopsAndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		w.tiktok.AddFault(sandbox.Fault{Endpoint: endpointCreate, Code: 40502, Count: 1})
		i := w.instance(tempDir(t))
		i.upload(Stopped, Options{})
		if troubles := i.status.Troubles("lapsed"); len(troubles) != 1 || !troubles[0].Stop {
			t.Errorf("got troubles %v, want one that someone has to act on", troubles)
		}
		i.upload(Uploaded, Options{})
		w.holdsTheTable()
	})
}

func TestAFileDamagedTwiceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainConfig)
		w.people(0, 1200)
		w.tiktok.AddFault(sandbox.Fault{Endpoint: endpointUpload, Code: 40900, Count: 2})
		i := w.instance(tempDir(t))
		if m := i.upload(Broken, Options{}); m.Again.IsZero() {
			t.Error("it is not tried again")
		}
		if n := w.tiktok.Stats().Endpoints[endpointUpload].Calls; n != 2 {
			t.Errorf("got %d uploads, want 2", n)
		}
	})
}
