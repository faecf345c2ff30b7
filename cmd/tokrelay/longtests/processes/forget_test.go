//go:build soak

package processes

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// forget does what a broker does and kfake does not: members that died while they were joining are out of the group after
// their session. kfake waits for them for ever, and nobody else gets partitions. It works until the test ends.
func (s *stack) forget() {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer client.Close()
		gone := map[string]time.Time{}
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
				if leave := s.dead(gone); len(leave.Members) > 0 {
					_, _ = leave.RequestWith(ctx, client) // asked again in a second
				}
			}
		}
	}()
	s.t.Cleanup(func() { stop(); <-ended })
}

// dead are the members that no running process has spoken of for a session. gone remembers since when.
func (s *stack) dead(gone map[string]time.Time) *kmsg.LeaveGroupRequest {
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	info := s.broker.GroupInfo(group)
	if info == nil {
		return leave
	}
	said := s.runningSaid()
	for _, m := range info.Members {
		since, known := gone[m.MemberID]
		switch {
		case strings.Contains(said, m.MemberID):
			delete(gone, m.MemberID)
		case !known:
			gone[m.MemberID] = time.Now()
		case time.Since(since) > 6*time.Second:
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID = m.MemberID
			leave.Members = append(leave.Members, member)
		}
	}
	return leave
}

func (s *stack) runningSaid() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all strings.Builder
	for _, p := range s.started {
		if !p.Ended() {
			all.WriteString(p.Said())
		}
	}
	return all.String()
}
