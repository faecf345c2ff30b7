package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionKeys are the requests that a transaction takes.
var transactionKeys = []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit}

// MayTransact asks whether this client may write in transactions, and returns why not: "" where it may. id is a transactional id of
// its own that no other client uses.
func (a *Client) MayTransact(ctx context.Context, id string) (why string, err error) {
	brokers, err := a.adm.ApiVersions(ctx)
	if err != nil {
		return "", fmt.Errorf("ask brokers for their versions: %w", err)
	}
	for _, b := range brokers {
		for _, key := range transactionKeys {
			if _, _, known := b.KeyVersions(int16(key)); !known && b.Err == nil {
				return fmt.Sprintf("broker %d has none: they need Kafka 0.11 or later, or another service's support of transactions", b.NodeID), nil
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
