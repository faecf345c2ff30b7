package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// GroupState is how a sync is over all its instances: by Kafka's offsets, and by what the instances report.
type GroupState struct {
	Sync      string         `json:"sync"`
	Kind      string         `json:"kind"`
	Verdict   Verdict        `json:"state"`
	LagRows   int64          `json:"lag_rows"`
	Lag       float64        `json:"lag_seconds"`             // of the row that waits longest, as its instance knows it
	Arrived   float64        `json:"rows_per_second_arrived"` // over the last minute
	Settled   float64        `json:"rows_per_second_settled"` // by all instances
	CaughtUp  float64        `json:"caught_up_in,omitempty"`  // seconds, if it goes on like this; 0: not to be said
	Behind    []PartitionLag `json:"partitions_behind,omitempty"`
	Instances []GroupMember  `json:"instances"`
	Waits     []Wait         `json:"waits,omitempty"`      // what it waits for, those that need an operator first
	Uploaded  time.Time      `json:"last_upload,omitzero"` // of a file audience: when it last held what its topic said
	Problem   string         `json:"problem,omitempty"`    // why it cannot be told
}

// Verdict is a sync's state in a word.
type Verdict string

// The verdicts, best first.
const (
	UpToDate   Verdict = "up to date"
	Behind     Verdict = "behind"
	NotRunning Verdict = "not running"
	Paused     Verdict = "paused"
	Held       Verdict = "held"
)

// PartitionLag is a partition with rows that have not settled.
type PartitionLag struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed"` // -1: nothing yet
	End       int64  `json:"end"`
	Old       bool   `json:"older_than_a_minute"`
}

// GroupMember is an instance in the sync's group.
type GroupMember struct {
	Client   string             `json:"client"`
	Host     string             `json:"host"`
	Assigned map[string][]int32 `json:"partitions"`
}

// Reads names the member's partitions, neighbours as a range: shop.orders 0-3,7.
func (m *GroupMember) Reads() string {
	var all []string
	for topic, ids := range m.Assigned {
		all = append(all, topic+" "+ranges(slices.Sorted(slices.Values(ids))))
	}
	slices.Sort(all)
	return cmp.Or(strings.Join(all, ", "), "nothing: there are more instances than partitions")
}

func ranges(ids []int32) string {
	var parts []string
	for i := 0; i < len(ids); {
		last := i
		for last+1 < len(ids) && ids[last+1] == ids[last]+1 {
			last++
		}
		part := strconv.Itoa(int(ids[i]))
		if last > i {
			part += "-" + strconv.Itoa(int(ids[last]))
		}
		parts, i = append(parts, part), last+1
	}
	return strings.Join(parts, ",")
}

// Wait is a trouble, the instances that have it, and what to do where the trouble itself does not say.
type Wait struct {
	HeldBy
	Instances []string `json:"instances,omitempty"`
	Cure      string   `json:"cure,omitempty"`
}

// cures are what an operator does about what TikTok refuses; all other troubles name theirs. %s is the connection.
var cures = map[pipeline.TroubleKind]string{
	pipeline.TroubleToken:   "give connection %s a token that TikTok takes (tokrelay auth login --connection %[1]s, or its access_token): calls go on by themselves then",
	pipeline.TroubleConfig:  "run tokrelay check --online: it asks TikTok about connection %s and what its syncs fill",
	pipeline.TroubleRefused: "run tokrelay check --online, and read what TikTok says on the page: rows wait until it takes what connection %s sends",
	pipeline.TroubleUnknown: "look at docs/operations/codes.md: TikTok's answer to connection %s is in no list, so rows wait",
}

// late is how old a row may be that has not settled before the sync is behind: rows are always on their way.
const late = time.Minute

// groupState asks Kafka how a sync is. The store is nil where there is no state topic.
func (w *Wiring) groupState(ctx context.Context, s *Sync, store *state.Store, reports []Report) *GroupState {
	g := &GroupState{Sync: s.Name, Kind: s.Kind()}
	running := g.hear(reports)
	var err error
	if s.Kind() == KindFile {
		err = g.readUploads(ctx, store, s)
	} else if err = g.readOffsets(ctx, w, store, s); err == nil {
		err = g.readMembers(ctx, w, s)
		running = len(g.Instances) > 0
	}
	if err != nil {
		g.Problem = err.Error()
	}
	if !running {
		g.Waits = nil // what instances said that were killed
	}
	if o := lastOrder(store, s.Name); o.Paused {
		g.Waits = append(g.Waits, Wait{HeldBy: HeldBy{Kind: pipeline.TroublePaused, What: pausedText(s.Name, o), Stop: true, Since: o.At}})
	}
	connection, _ := w.Config.ConnectionOf(s)
	for i := range g.Waits {
		if cure := cures[g.Waits[i].Kind]; cure != "" {
			g.Waits[i].Cure = fmt.Sprintf(cure, connection)
		}
	}
	g.Verdict = g.judge(running)
	if g.Settled > g.Arrived && g.LagRows > 0 && len(g.Waits) == 0 {
		g.CaughtUp = float64(g.LagRows) / (g.Settled - g.Arrived)
	}
	return g
}

// hear takes over what instances report, and reports whether one runs the sync.
func (g *GroupState) hear(reports []Report) (running bool) {
	for _, report := range reports {
		one, ok := report.Syncs[g.Sync]
		if !ok {
			continue
		}
		running = true
		g.Settled += one.Rate
		g.Lag = max(g.Lag, one.LagSeconds)
		for _, t := range one.Troubles {
			if t.Kind != pipeline.TroublePaused { // the order says it, also where no instance runs
				g.wait(t, report.Instance)
			}
		}
	}
	slices.SortStableFunc(g.Waits, func(x, y Wait) int {
		if x.Stop != y.Stop && x.Stop {
			return -1
		}
		if x.Stop != y.Stop {
			return 1
		}
		return x.Since.Compare(y.Since)
	})
	return running
}

// wait adds a trouble of an instance. What several have is one: their texts may differ by the id of a request.
func (g *GroupState) wait(t HeldBy, instance string) {
	for i := range g.Waits {
		if w := &g.Waits[i]; w.Kind == t.Kind && w.Stop == t.Stop {
			if !slices.Contains(w.Instances, instance) {
				w.Instances = append(w.Instances, instance)
			}
			return
		}
	}
	g.Waits = append(g.Waits, Wait{HeldBy: t, Instances: []string{instance}})
}

func (g *GroupState) readOffsets(ctx context.Context, w *Wiring, store *state.Store, s *Sync) error {
	topics, err := s.SourceTopics(ctx, w.Admin)
	if err != nil {
		return err
	}
	arrived, err := g.read(ctx, w, w.Config.GroupOf(s), topics...)
	if err != nil {
		return err
	}
	g.Arrived = float64(arrived) / late.Seconds()
	if prefix, ok := w.Config.audienceOf(store, s); ok {
		if err := g.readStages(ctx, w, prefix); err != nil {
			return err
		}
	}
	slices.SortFunc(g.Behind, func(x, y PartitionLag) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
	return nil
}

// read adds what waits in topics for a group, and returns how many rows have come in the last minute.
func (g *GroupState) read(ctx context.Context, w *Wiring, group string, topics ...string) (arrived int64, err error) {
	places, err := w.Admin.Places(ctx, group, topics...)
	if err != nil {
		return 0, err
	}
	recent, err := w.Admin.At(ctx, time.Now().Add(-late), topics...)
	if err != nil {
		return 0, err
	}
	for _, p := range places {
		since, _ := recent.Get(p.Topic, p.Partition)
		arrived += max(p.End-max(since, p.Start), 0)
		g.add(&p, since)
	}
	return arrived, nil
}

// add counts what waits in a partition, whose rows of the last minute begin at recent.
func (g *GroupState) add(p *admin.Place, recent int64) {
	if n := p.Waits(); n > 0 {
		g.LagRows += n
		g.Behind = append(g.Behind, PartitionLag{Topic: p.Topic, Partition: p.Partition, Committed: p.Committed, End: p.End, Old: p.End-n < recent})
	}
}

func (g *GroupState) readMembers(ctx context.Context, w *Wiring, s *Sync) error {
	members, err := w.Admin.Members(ctx, w.Config.GroupOf(s))
	for _, m := range members {
		g.Instances = append(g.Instances, GroupMember{Client: m.ClientID, Host: strings.TrimPrefix(m.Host, "/"), Assigned: m.Assigned})
	}
	return err
}

// readUploads finds when a file audience last was what its topic said.
func (g *GroupState) readUploads(ctx context.Context, store *state.Store, s *Sync) error {
	if store == nil {
		return nil
	}
	runs, err := audiencefile.Manifests(ctx, store, s.advertiser, s.AudienceFile.Audience)
	if err != nil {
		return err
	}
	for len(runs) > 0 && runs[0].Result == audiencefile.TooSoon {
		runs = runs[1:] // TikTok takes one a day: that is not a fault
	}
	for _, run := range runs {
		if run.Result == audiencefile.Uploaded || run.Result == audiencefile.Unchanged {
			g.Uploaded = run.Ended
			break
		}
	}
	if len(runs) > 0 && runs[0].Ended.After(g.Uploaded) {
		g.Problem = fmt.Sprintf("the last upload, at %s: %s", runs[0].Ended.UTC().Format(time.RFC3339), runs[0].Text)
	}
	return nil
}

func (g *GroupState) judge(running bool) Verdict {
	old := slices.ContainsFunc(g.Behind, func(p PartitionLag) bool { return p.Old })
	switch {
	case slices.ContainsFunc(g.Waits, func(t Wait) bool { return t.Stop && t.Kind != pipeline.TroublePaused }):
		return Held
	case slices.ContainsFunc(g.Waits, func(t Wait) bool { return t.Kind == pipeline.TroublePaused }):
		return Paused
	case !running:
		return NotRunning
	case old, g.Problem != "", len(g.Waits) > 0 && (g.LagRows > 0 || g.Kind == KindFile):
		return Behind
	}
	return UpToDate
}

// GroupStates asks it of every sync. The store is the state topic as it was read last; nil where there is none. The error says
// that nothing could be asked.
func (w *Wiring) GroupStates(ctx context.Context, store *state.Store) ([]*GroupState, error) {
	if err := w.Admin.Ping(ctx); err != nil {
		return nil, err
	}
	var all []*GroupState
	reports := instances(store)
	for i := range w.Config.Syncs {
		all = append(all, w.groupState(ctx, &w.Config.Syncs[i], store, reports))
	}
	return all, ctx.Err()
}
