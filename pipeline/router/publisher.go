package router

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
)

// publisher is Watermill's Publisher over a sync's delivery: Publish returns when every row that has items has settled,
// and with an error only when the chunk's context ended. Retries, limits and the splitting of refused batches are the
// delivery's own affair: Watermill's middleware does not reach here.
type publisher struct{}

var errNoDelivery = errors.New("message was not made by the router's handler")

func (publisher) Publish(_ string, messages ...*message.Message) error {
	for _, m := range messages {
		d, ok := deliveryOf(m)
		if !ok {
			return errNoDelivery
		}
		if err := d.deliver(m.Context()); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing: the one who made the delivery ends it.
func (publisher) Close() error { return nil }

func (d *delivery) deliver(ctx context.Context) error {
	err := d.sync.Deliver(ctx, d.chunk, &d.worker.runner.Items)
	if err == nil {
		err = d.sync.finish(ctx, d.chunk, d.worker, d.sync.Told)
	}
	d.sync.ended(d.chunk, d.worker, err)
	return err
}
