package virtual

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Port is the broker's.
const Port = 9092

// NewBroker makes a broker of one node on an in-memory network. It keeps what is written: kfake would drop the records of compacted topics
// too once they are a week old. It compacts when it is told to.
func NewBroker(n *kfake.VirtualNetwork, opts ...kfake.Opt) (*kfake.Cluster, error) {
	forEver := kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "log.cleaner.backoff.ms": "300000000000"})
	return kfake.NewCluster(append(opts, forEver, kfake.NumBrokers(1), kfake.Ports(Port), kfake.ListenFn(n.Listen))...)
}

// NewClient is a client that chooses the partition of every record itself.
func NewClient(n *kfake.VirtualNetwork, c *kfake.Cluster, opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...), kgo.Dialer(n.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
}

// Pulse is when the members of the broker's groups were last heard of, and which producers have had a transaction aborted.
type Pulse struct {
	broker *kfake.Cluster

	mu      sync.Mutex
	heard   map[string]time.Time
	ids     map[string]bool // of transactions that were begun
	aborted time.Time       // last
}

// NewPulse listens to the heartbeats that reach a broker.
func NewPulse(c *kfake.Cluster) *Pulse {
	p := &Pulse{broker: c, heard: map[string]time.Time{}, ids: map[string]bool{}}
	for _, key := range []kmsg.Key{kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat, kmsg.InitProducerID, kmsg.EndTxn} {
		c.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			p.hear(r)
			return nil, nil, false
		})
	}
	return p
}

func (p *Pulse) hear(r kmsg.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.HeartbeatRequest:
		p.heard[r.MemberID] = time.Now()
	case *kmsg.ConsumerGroupHeartbeatRequest:
		p.heard[r.MemberID] = time.Now()
	case *kmsg.InitProducerIDRequest:
		if id := r.TransactionalID; id != nil { // one that comes again may have left a transaction open
			if p.ids[*id] {
				p.aborted = time.Now()
			}
			p.ids[*id] = true
		}
	case *kmsg.EndTxnRequest:
		if !r.Commit {
			p.aborted = time.Now()
		}
	}
}

// MayCommitAfterAbort reports whether a transaction was aborted by one of the members that have not ended: it may commit others later.
func (p *Pulse) MayCommitAfterAbort(members []*Member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range members {
		if !m.isOver() && !m.began.After(p.aborted) {
			return true
		}
	}
	return false
}

// silent reports whether a member has not been heard of for longer than any session lasts.
func (p *Pulse) silent(member string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.heard[member]) > time.Minute
}

// Evict does what a real broker does and kfake does not: a member that ended while it was joining, and was given
// partitions all the same, is out of its group after its session.
func (p *Pulse) Evict(ctx context.Context, client *kgo.Client, group string) error {
	info := p.broker.GroupInfo(group)
	if info == nil {
		return nil
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range info.Members {
		if p.silent(m.MemberID) {
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID = m.MemberID
			leave.Members = append(leave.Members, member)
		}
	}
	if len(leave.Members) == 0 {
		return nil
	}
	if _, err := leave.RequestWith(ctx, client); err != nil {
		return fmt.Errorf("evict members: %w", err)
	}
	return nil
}
