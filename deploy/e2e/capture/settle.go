package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// settle waits until the matching topics have records and none of them has grown for a while.
func settle(ctx context.Context, opts options) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(opts.broker))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	last, since := int64(-1), time.Now()
	for last <= 0 || time.Since(since) < opts.settle {
		total, err := totalRecords(ctx, admin, opts)
		if err != nil {
			return err
		}
		if total != last {
			last, since = total, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(opts.settle / 10):
		}
	}
	return nil
}

func totalRecords(ctx context.Context, admin *kadm.Client, opts options) (int64, error) {
	ends, err := matchingEnds(ctx, admin, opts.topics)
	if err != nil {
		return 0, err
	}
	var total int64
	ends.Each(func(end kadm.ListedOffset) { total += end.Offset })
	return total, nil
}
