package daemon

import (
	"context"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// LeftSyncs are the syncs that have filled a sync's audience together with it, and that neither the configuration nor a running instance of another one
// has any more: people whom their rows put in stay.
func (c *Config) LeftSyncs(ctx context.Context, a *admin.Client, store *state.Store, s *Sync) (left []string, err error) {
	own, streams := c.audienceOf(store, s)
	if !streams || s.AudienceSegment.Audience.Row != nil {
		return nil, nil
	}
	for _, key := range store.Keys(audience.Key("", "")) {
		name := strings.TrimPrefix(key, audience.Key("", ""))
		if strings.Contains(name, "/") || slices.ContainsFunc(c.Syncs, func(o Sync) bool { return o.Name == name }) {
			continue
		}
		document, _ := store.Get(key)
		b, err := audience.ParseBinding(document)
		if err != nil || b.Mode != audience.Owned || c.ownersPrefix(s, b.IDs[s.Advertisers()[0]]) != own {
			continue
		}
		members, err := a.Members(ctx, c.Kafka.GroupOf(name))
		if err != nil {
			return nil, err
		}
		if len(members) == 0 {
			left = append(left, name)
		}
	}
	return left, nil
}

// LeftCure is what to do about a sync that is left.
const LeftCure = "take it back and let it read a table without members, or run tokrelay resync --recreate for the syncs that go on filling the audience"

// warnOfLeft says which syncs are left. What cannot be asked now is not a reason to say so.
func (w *Wiring) warnOfLeft(ctx context.Context, s *Sync) {
	left, _ := w.Config.LeftSyncs(ctx, w.Admin, w.State, s)
	for _, name := range left {
		w.Log.Warn("a sync that filled the audience, too, is not in the configuration any more, and its people stay in it: "+LeftCure, "sync", s.Name, "left", name)
	}
}
