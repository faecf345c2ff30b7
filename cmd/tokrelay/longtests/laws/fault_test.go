//go:build synctests

package laws

import (
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// stir makes one thing happen.
func (w *world) stir() {
	running := virtual.Running(w.members)
	var some *virtual.Member
	if len(running) > 0 {
		some = running[w.rand.IntN(len(running))]
	}
	switch n := w.rand.IntN(22); {
	case n < 3:
		w.produce(1 + w.rand.IntN(150))
	case n < 5 && len(running) < 3, some == nil:
		w.join()
	case n < 7:
		some.Leave()
	case n < 9:
		some.Crash()
	case n == 9:
		some.Link.Down()
		w.moved = true
	case n == 10:
		some.Link.Restore()
	case n == 11:
		w.moody(randomOf(w, brokerMoods))
	case n == 12:
		w.watch.mu.Lock()
		w.watch.refuse = w.rand.IntN(6)
		w.watch.mu.Unlock()
	case n == 13:
		if w.rand.IntN(2) == 0 {
			w.tiktok.RevokeTokens()
		} else {
			w.tiktok.GrantToken(sandbox.Token{Value: sandbox.DefaultToken})
		}
	case n == 14:
		w.addPartitions()
	case n == 15:
		w.remake()
	case n < 18:
		w.transact()
	case n == 18:
		w.retain()
	case n == 19:
		w.reset()
	default:
		w.annoy(randomOf(w, tiktokMoods))
	}
}

func randomOf[T any](w *world, list []T) T { return list[w.rand.IntN(len(list))] }

// accident refuses a call for no reason of a row's. It happens once a run: two refusals confirm a
// row, of which one may be a text that names it among others. So it does not happen where TikTok names the wrong ones.
var accident = sandbox.Fault{Code: 40002, Message: "Invalid parameters."}

var tiktokMoods = []sandbox.Fault{
	// Everything is refused, and no row is to blame.
	{Code: 40000, Message: "Invalid parameters."}, {Code: 40007, Message: "The object does not exist."}, {Code: 40061}, {Code: 40777},
	{Code: 40002, Message: "Invalid value for event_source_id: not a valid string."}, {Code: 40002, Message: "Invalid parameters of the call."},
	{HTTPStatus: http.StatusBadRequest}, {HTTPStatus: http.StatusRequestEntityTooLarge}, {HTTPStatus: http.StatusUnprocessableEntity}, {Code: 40112},

	{Code: 40100}, {Code: 40132}, {Code: 40133}, {Code: 40016}, // throttling
	{Code: 40105}, {Code: 40001}, {HTTPStatus: http.StatusNotFound}, // the token or the configuration
	{Code: 50000}, {Code: 51010}, {Code: 60001}, {HTTPStatus: http.StatusBadGateway}, {HTTPStatus: http.StatusServiceUnavailable}, // away
	{Timeout: true}, {Reset: true}, // before the effect
	{Timeout: true, Stage: sandbox.AfterEffect}, {Reset: true, Stage: sandbox.AfterEffect},
	{HTTPStatus: http.StatusGatewayTimeout, Stage: sandbox.AfterEffect}, {Code: 50000, Stage: sandbox.AfterEffect},
	{Code: 20001, Stage: sandbox.AfterEffect}, // a warning
	{Delay: 3 * time.Second}, {Delay: 200 * time.Millisecond}, {Delay: 200 * time.Millisecond},
}

// annoy gives TikTok a fault that passes.
func (w *world) annoy(f sandbox.Fault) {
	f.Count, f.Skip, f.Every = 1+w.rand.IntN(1<<w.rand.IntN(7)), w.rand.IntN(4), w.rand.IntN(3)
	switch {
	case f == accident:
		f.Count = 1
	case f.Code/100 == 400: // a spell without gaps: refusals with others accepted between them are the row's
		f.Every = 0
	}
	w.refusals = append(w.refusals, w.tiktok.AddFault(f))
}

var brokerMoods = []kfake.Fault{
	{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable},
	{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator},
	{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RequestTimedOut},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.UnknownServerError},
	{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat}, Err: kerr.UnknownMemberID},
	{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat}, Err: kerr.NotCoordinator},
	{Keys: []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup}, Err: kerr.CoordinatorLoadInProgress},
	{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.CoordinatorLoadInProgress},
	{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition},
}

// moody has the broker fail some requests.
func (w *world) moody(f kfake.Fault) {
	f.Count, w.moved = 1+w.rand.IntN(4), true
	w.faults = append(w.faults, w.broker.Fault(f))
}
