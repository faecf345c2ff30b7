package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Committed are the offsets a group has committed; none of a group that does not exist yet. Those of a topic that was deleted and made again
// since mean nothing, and are left out.
func (a *Client) Committed(ctx context.Context, group string) (Offsets, error) {
	answer, err := whole(a.adm.FetchOffsets(ctx, group))
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", group, kafka.Lacking(err, "Describe", "group "+group))
	}
	topics := map[string]bool{}
	answer.Each(func(r kadm.OffsetResponse) {
		if _, noted := kafka.TopicOf(r.Metadata); noted { // groups of our own stages note none: nothing is asked for them
			topics[r.Topic] = true
		}
	})
	now, err := a.describe(ctx, slices.Collect(maps.Keys(topics)))
	if err != nil && !kafka.Denied(err) {
		return nil, err
	}
	o := Offsets{}
	answer.Each(func(r kadm.OffsetResponse) {
		then, known := kafka.TopicOf(r.Metadata)
		if id := kafka.TopicID(now[r.Topic].ID); !known || id == "" || then == id {
			o.Set(r.Topic, r.Partition, r.At)
		}
	})
	return o, nil
}

// Member is an instance in a group, and the partitions it reads, by topic.
type Member struct {
	ClientID, Host string
	Assigned       map[string][]int32
}

// Partitions is how many partitions the member reads.
func (m *Member) Partitions() (n int) {
	for _, ids := range m.Assigned {
		n += len(ids)
	}
	return n
}

// Members are the instances in a group of the configured protocol; a group that does not exist yet has none.
func (a *Client) Members(ctx context.Context, group string) ([]Member, error) {
	ask := a.classicMembers
	if a.cfg.Protocol == kafka.NextGen {
		ask = a.nextGenMembers
	}
	members, err := ask(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("describe group %s: %w", group, kafka.Lacking(err, "Describe", "group "+group))
	}
	return members, nil
}

func (a *Client) classicMembers(ctx context.Context, group string) (members []Member, err error) {
	described, err := whole(a.adm.DescribeGroups(ctx, group))
	for _, m := range described[group].Members {
		one := Member{ClientID: m.ClientID, Host: m.ClientHost, Assigned: map[string][]int32{}}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				one.Assigned[t.Topic] = t.Partitions
			}
		}
		members = append(members, one)
	}
	return members, err
}

func (a *Client) nextGenMembers(ctx context.Context, group string) (members []Member, err error) {
	described, err := whole(a.adm.DescribeConsumerGroups(ctx, group))
	for _, m := range described[group].Members {
		one := Member{ClientID: m.ClientID, Host: m.ClientHost, Assigned: map[string][]int32{}}
		for topic, partitions := range m.Assignment {
			one.Assigned[topic] = slices.Sorted(maps.Keys(partitions))
		}
		members = append(members, one)
	}
	return members, err
}

// Vacate puts all members out of a group of the classic protocol. They join again by themselves, within a heartbeat, and read from
// what is committed then. Members of the other protocol stay: Kafka knows no way to put them out.
func (a *Client) Vacate(ctx context.Context, group string) error {
	if a.cfg.Protocol == kafka.NextGen {
		return nil
	}
	described, err := whole(a.adm.DescribeGroups(ctx, group))
	if err != nil {
		return fmt.Errorf("describe group %s: %w", group, kafka.Lacking(err, "Describe", "group "+group))
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range described[group].Members {
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID, member.InstanceID = m.MemberID, m.InstanceID
		leave.Members = append(leave.Members, member)
	}
	if len(leave.Members) == 0 {
		return nil
	}
	answer, err := leave.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("put the members out of group %s: %w", group, kafka.Lacking(err, "Read", "group "+group))
	}
	return nil
}

// ErrGroupInUse says that members are reading: offsets set now would be overwritten by their next commit.
var ErrGroupInUse = errors.New("the group has members: stop every instance that runs the sync first")

// SetOffsets moves a group without members to the offsets.
func (a *Client) SetOffsets(ctx context.Context, group string, to Offsets) error {
	members, err := a.Members(ctx, group)
	if err == nil && len(members) > 0 {
		err = ErrGroupInUse
	}
	if err == nil {
		err = kafka.Lacking(a.adm.CommitAllOffsets(ctx, group, toKadm(to)), "Read", "group "+group+" and on its topics")
	}
	if err != nil {
		return fmt.Errorf("set offsets of group %s: %w", group, err)
	}
	return nil
}
