package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionKeys are the requests that a transaction takes, and the version they need. Offsets carry the generation of the group since Kafka 2.5:
// brokers before that would take those of a member that was put out.
var transactionKeys = []struct {
	key     kmsg.Key
	version int16
}{{kmsg.InitProducerID, 0}, {kmsg.AddPartitionsToTxn, 0}, {kmsg.AddOffsetsToTxn, 0}, {kmsg.EndTxn, 0}, {kmsg.TxnOffsetCommit, 3}}

// MayTransact asks whether this client may write in transactions as streamed audiences do, and returns why not: "" where it may. id is a
// transactional id of its own that no other client uses.
func (a *Client) MayTransact(ctx context.Context, id string) (why string, err error) {
	brokers, err := a.adm.ApiVersions(ctx)
	if err != nil {
		return "", fmt.Errorf("ask brokers for their versions: %w", err)
	}
	for _, b := range brokers {
		for _, need := range transactionKeys {
			if _, most, known := b.KeyVersions(int16(need.key)); b.Err == nil && (!known || most < need.version) {
				return fmt.Sprintf("broker %d has none that are new enough: they need Kafka 2.5 or later, or another service's support of such transactions", b.NodeID), nil
			}
		}
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, 10_000
	answer, err := req.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return "this client may not use transactional ids of its groups' names", nil
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "this client may not write with ids of its own (IdempotentWrite)", nil
	case err != nil:
		return "", fmt.Errorf("begin a transaction: %w", err)
	}
	return "", nil
}
