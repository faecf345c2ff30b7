package admin

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Right is an operation of Kafka's access control, in the words of kafka-acls.
type Right string

// The rights that matter here.
const (
	RightRead            Right = "Read"
	RightWrite           Right = "Write"
	RightCreate          Right = "Create"
	RightDelete          Right = "Delete"
	RightDescribe        Right = "Describe"
	RightDescribeConfigs Right = "DescribeConfigs"
)

var rightBits = map[Right]kmsg.ACLOperation{
	RightRead: kmsg.ACLOperationRead, RightWrite: kmsg.ACLOperationWrite, RightCreate: kmsg.ACLOperationCreate, RightDelete: kmsg.ACLOperationDelete,
	RightDescribe: kmsg.ACLOperationDescribe, RightDescribeConfigs: kmsg.ACLOperationDescribeConfigs,
}

// Passing reports whether the error may go away by itself: a coordinator that a new cluster has yet to make, a leader that
// moves.
func Passing(err error) bool { return kerr.IsRetriable(err) }

// Rights are what this client may do with a topic or a group, as the broker says. Of brokers that do not say, and of
// those without access control, it is everything. The zero Rights are none.
type Rights struct {
	bits    int32
	unknown bool
	denied  bool // not even to be described
}

// Has reports whether the client may do it.
func (r Rights) Has(right Right) bool {
	switch {
	case r.unknown:
		return true
	case r.denied:
		return false
	}
	return r.bits&(1<<rightBits[right]) != 0
}

// rightsOf reads what a broker answers about one topic or group.
func rightsOf(bits int32, code int16) (Rights, error) {
	err := kerr.ErrorForCode(code)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed):
		return Rights{denied: true}, nil
	case err != nil && !errors.Is(err, kerr.GroupIDNotFound):
		return Rights{}, err
	}
	return Rights{bits: bits, unknown: bits == math.MinInt32}, nil
}

// TopicRights asks what this client may do with topics. Topics that do not exist are left out.
func (a *Client) TopicRights(ctx context.Context, topics ...string) (map[string]Rights, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	rights := map[string]Rights{}
	if len(topics) == 0 {
		return rights, nil // no topics would ask for all of them
	}
	answer, err := req.RequestWith(ctx, a.client)
	if err != nil {
		return nil, fmt.Errorf("ask for rights on topics: %w", err)
	}
	for _, t := range answer.Topics {
		if t.Topic == nil || t.ErrorCode == kerr.UnknownTopicOrPartition.Code {
			continue
		}
		if rights[*t.Topic], err = rightsOf(t.AuthorizedOperations, t.ErrorCode); err != nil {
			return nil, fmt.Errorf("ask for rights on topic %s: %w", *t.Topic, err)
		}
	}
	return rights, nil
}

// MayCreate asks whether this client may create topics of any name. A right to create those of one name cannot be asked
// for. Of brokers before 2.8, which cannot be asked, it is true.
func (a *Client) MayCreate(ctx context.Context) (bool, error) {
	if known, err := a.describesCluster(ctx); err != nil || !known {
		return true, err
	}
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	answer, err := req.RequestWith(ctx, a.client)
	if err == nil && errors.Is(kerr.ErrorForCode(answer.ErrorCode), kerr.ClusterAuthorizationFailed) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for rights on the cluster: %w", err)
	}
	r, err := rightsOf(answer.ClusterAuthorizedOperations, answer.ErrorCode)
	return r.Has(RightCreate), err
}

// describesCluster reports whether all brokers know the question for the cluster's rights (KIP-700, Kafka 2.8).
func (a *Client) describesCluster(ctx context.Context) (bool, error) {
	brokers, err := a.adm.ApiVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("ask brokers for their versions: %w", err)
	}
	for _, b := range brokers {
		if _, _, known := b.KeyVersions(int16(kmsg.DescribeCluster)); !known {
			return false, b.Err
		}
	}
	return true, nil
}

// GroupRights asks what this client may do with a consumer group.
func (a *Client) GroupRights(ctx context.Context, group string) (Rights, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = []string{group}, true
	answer, err := req.RequestWith(ctx, a.client)
	if errors.Is(err, kerr.GroupAuthorizationFailed) {
		return Rights{denied: true}, nil
	}
	if err == nil && len(answer.Groups) == 0 {
		err = errors.New("no answer")
	}
	if err != nil {
		return Rights{}, fmt.Errorf("ask for rights on group %s: %w", group, err)
	}
	r, err := rightsOf(answer.Groups[0].AuthorizedOperations, answer.Groups[0].ErrorCode)
	if err != nil {
		return Rights{}, fmt.Errorf("ask for rights on group %s: %w", group, err)
	}
	return r, nil
}
