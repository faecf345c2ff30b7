//go:build synctests

package owners

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/stage"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

const (
	session = 10 * time.Second
	longest = 5 * time.Second
)

// instance is one process: three handlers over the topics of one audience.
type instance struct {
	w      *world
	name   string
	gate   *gate
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	claims *owners.Claims
	water  *stage.Watermark
	aborts atomic.Int64
}

func (w *world) start() *instance {
	in := &instance{w: w, name: w.nextName(), gate: newGate()}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	for _, s := range w.sources {
		in.work.Go(func() { in.assert(s) })
		in.work.Go(func() { in.lookForEnds(s) })
	}
	in.work.Go(in.rows)
	in.startClaims()
	w.all, w.live = append(w.all, in), append(w.live, in)
	w.note("%s starts", in.name)
	return in
}

func (in *instance) kafka() kafka.Config {
	return kafka.Config{Brokers: in.w.broker.ListenAddrs(), ClientID: "own", MaxBatchBytes: 64 << 20,
		SessionTimeout: settings.Duration(session), RebalanceTimeout: settings.Duration(3 * session), RevokeDrain: settings.Duration(2 * session),
		FetchMaxBytes: 8 << 20, FetchMaxPartitionBytes: 1 << 20, Dial: in.gate.dialer(in.w.net.DialContext)}
}

func (in *instance) group(what, group string, topic string) stage.Group {
	return stage.Group{Name: in.name + "-" + what, Group: group, Topics: []string{topic}, Heartbeat: time.Second, Drain: session, Log: in.w.log(in.name),
		Trouble: func(err error) { in.w.note("%s %s: %v", in.name, what, err) }}
}

// assert is the first handler: rows become assertions.
func (in *instance) assert(s *source) {
	as := owners.NewAssert(in.w.topics, s.name, s.epoch.Load().number)
	stage.NewSession(in.kafka(), stage.SessionOptions{Group: in.group("assert", s.group(), s.topic),
		Handle: func(_ context.Context, b *stage.Batch) error {
			in.nap()
			for i := range b.Records {
				r := &b.Records[i]
				a := assertionOf(r)
				as.Row(r.Topic, r.Key, &a, b.Write)
			}
			return in.gate.pass()
		}, Ended: in.ended}).Run(in.ctx)
}

// lookForEnds tells of source partitions that were read to the end that a resync has recorded: the group's commits say it.
func (in *instance) lookForEnds(s *source) {
	e := *s.epoch.Load()
	for told := map[int]bool{}; len(told) < len(e.ends) && pipeline.Wait(in.ctx, 5*time.Second) == nil && in.gate.pass() == nil; {
		committed, err := in.w.adm.FetchOffsets(in.ctx, s.group())
		for part, end := range e.ends {
			at, ok := committed.Lookup(end.Topic, end.Partition)
			if err == nil && ok && at.At >= end.Offset && !told[part] {
				told[part] = true
				owners.NewAssert(in.w.topics, s.name, e.number).Done(e.ends, part, in.w.write)
			}
		}
	}
}

// rows is the second: assertions become claims.
func (in *instance) rows() {
	owner := owners.NewRowsOwner(in.w.topics, func(*owners.Assertion) {})
	stage.NewSession(in.kafka(), stage.SessionOptions{Group: in.group("rows", rowsGroup, in.w.topics.Rows), From: in.w.topics.Members,
		Restore: func(partition int32) stage.Restoration {
			r := owner.Restore(partition)
			return stage.Restoration{Take: func(rec *pipeline.Record) error { return r.Restore(rec.Key, rec.Value) }, Own: func(int64) { owner.Own(r) }}
		},
		Dropped: owner.Dropped,
		Handle: func(_ context.Context, b *stage.Batch) error {
			in.nap()
			if err := owner.Handle(b.Records, b.Write); err != nil {
				return err
			}
			return in.gate.pass()
		},
		Ended: func(committed bool) { owner.Ended(committed); in.ended(committed) },
		Purge: true}).Run(in.ctx)
}

func (in *instance) ended(committed bool) {
	in.w.acts.Add(1)
	if !committed {
		in.aborts.Add(1)
	}
}

// startClaims starts the third: TikTok is told.
func (in *instance) startClaims() {
	water, err := stage.NewWatermark(in.kafka(), stage.WatermarkOptions{Group: in.group("claims", claimsGroup, in.w.topics.Claims),
		Restore: func(partition int32, committed int64) stage.Restoration {
			r := in.claims.Restore(partition, committed)
			return stage.Restoration{Take: r.Take, Own: func(end int64) { in.claims.Own(r, end) }}
		},
		Take:    func(records []pipeline.Record) error { in.w.acts.Add(1); return in.claims.Take(records) },
		Wait:    func(ctx context.Context) error { return in.claims.Wait(ctx) },
		Revoked: func(ctx context.Context, ids []int32) { in.claims.Revoked(ctx, ids) },
		Lost:    func(ids []int32) { in.claims.Lost(ids) }})
	if err != nil {
		in.w.Fatal(err)
	}
	in.water = water
	in.claims = owners.NewClaims(owners.ClaimsOptions{Topics: in.w.topics, Tell: in.tell, Commit: water.Commit, Write: water.Write,
		Most: 1 + in.w.rand.IntN(20), AtOnce: 4, Backlog: 1000, Every: 100 * time.Millisecond, Session: session, Longest: longest})
	told := make(chan struct{})
	in.work.Go(func() { defer close(told); in.claims.Run(in.ctx) })
	in.work.Go(func() {
		water.Run(in.ctx)
		<-told
		water.Close()
	})
}

// nap may freeze the process here, where it hurts most.
func (in *instance) nap() {
	if d, yes := in.w.nap(); yes {
		in.w.note("%s naps for %v", in.name, d)
		in.gate.freeze()
		go func() { time.Sleep(d); in.gate.thaw() }()
	}
	_ = in.gate.pass()
}

// tell makes one call of additions and one of removals.
func (in *instance) tell(ctx context.Context, list []owners.Saying) {
	var kinds [2][]*owners.Saying
	for i := range list {
		k := 0
		if list[i].Remove {
			k = 1
		}
		kinds[k] = append(kinds[k], &list[i])
	}
	for k, some := range kinds {
		if len(some) > 0 {
			in.call(ctx, k == 1, some)
		}
	}
}

// call halves a refused call until the refused digest is alone.
func (in *instance) call(ctx context.Context, remove bool, some []*owners.Saying) {
	if ctx.Err() != nil || !in.claims.MayCall() {
		return
	}
	in.nap()
	if in.gate.pass() != nil {
		return
	}
	in.w.acts.Add(1)
	err := in.w.tiktok.call(remove, namesOf(some))
	in.nap()
	switch {
	case in.gate.pass() != nil:
	case errors.Is(err, errRefused) && len(some) > 1:
		in.call(ctx, remove, some[:len(some)/2])
		in.call(ctx, remove, some[len(some)/2:])
	case errors.Is(err, errRefused):
		in.w.letter(some[0])
		some[0].Outcome = owners.Refused
	case err == nil:
		for _, s := range some {
			s.Outcome = owners.Accepted
		}
	}
}

func namesOf(some []*owners.Saying) (names []string) {
	for _, s := range some {
		names = append(names, hex.EncodeToString(s.Digest))
	}
	return names
}

// A source record's value is a flag and addresses: of a member, one of a row that is rejected.
const (
	flagMember = 1 << iota
	flagRejected
	flagAsItWas
)

var hasher, _ = identity.ForAudience("EMAIL_SHA256", identity.AudienceOptions{})

func assertionOf(r *pipeline.Record) (a owners.Assertion) {
	a.Source = owners.Source{Topic: []byte(r.Topic), Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp.UnixMilli()}
	if len(r.Value) == 0 {
		return a
	}
	read(&a, r.Value)
	return a
}

func read(a *owners.Assertion, value []byte) {
	flags := value[0]
	if a.Rejected = flags&flagRejected != 0; a.Rejected {
		if a.AsWas = flags&flagAsItWas != 0; a.AsWas {
			a.Kept = owners.AllKinds
		}
		return
	}
	if a.Member = flags&flagMember != 0; !a.Member {
		return
	}
	for _, n := range value[1:] {
		h, err := hasher.Hash([]byte(address(n)))
		if err != nil {
			panic(err)
		}
		a.Digests = owners.AddDigest(a.Digests, member.Kind(n%2), nil, h)
	}
}
