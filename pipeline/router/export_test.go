package router

import "github.com/ThreeDotsLabs/watermill/message"

// AddTo adds a sync's handler to a Watermill router of the test's, fed by another Subscriber: Watermill's in-memory
// channel, for example. The sync's Source is not used.
func AddTo(wm *message.Router, from message.Subscriber, s Sync, o Options) {
	newHandling(s, o.withDefaults()).addTo(wm, from)
}
