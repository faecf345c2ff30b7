package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// fullText asks the daemon for what the bare loop does by hand.
const fullText = `
kafka: {brokers: ["${BROKER}"], group: "${GROUP}"}
schema_registry: {url: "${REGISTRY}"}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
outcomes:
  enabled: ${OUTCOMES}
syncs:
  - name: orders
    topic: shop.public.orders
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: status, map: {paid: Purchase}}
      fields:
        event_time: occurred_at
        user.email: email
        user.phone: {column: phone, default_country: US}
        user.external_id: customer_id
        user.ip: ip
        user.user_agent: user_agent
        user.ttclid: ttclid
        page.url: page_url
        properties.value: amount
        properties.currency: currency
`

// runFull runs the daemon, without outcomes, until it has committed every record.
func runFull(ctx context.Context, a addresses) (int, error) {
	return runDaemon(ctx, a, fullText, false)
}

// runOutcomes is runFull with an outcome written for every row.
func runOutcomes(ctx context.Context, a addresses) (int, error) {
	return runDaemon(ctx, a, fullText, true)
}

// runDaemon runs the daemon until it has committed every record.
func runDaemon(ctx context.Context, a addresses, text string, outcomes bool) (int, error) {
	c, err := configOf(text, a, outcomes)
	if err != nil {
		return 0, err
	}
	d, err := daemon.New(c, daemon.Options{})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for !d.CaughtUp(ctx) {
		for _, s := range c.Syncs {
			for _, t := range d.Wiring.Status.Troubles(s.Name) {
				if t.Stop {
					return 0, t
				}
			}
		}
		select {
		case err := <-ended:
			return 0, err
		case <-time.After(200 * time.Millisecond): // asking is work that the bare loop does not have
		}
	}
	stop()
	if err := <-ended; err != nil {
		return 0, err
	}
	all, err := d.Wiring.Metrics.AllCounts()
	n := int64(0)
	for _, counts := range all {
		n += counts.Settled[pipeline.Delivered] + counts.Settled[pipeline.Skipped]
	}
	if want := int64(a.Records * len(c.Syncs)); err == nil && n != want {
		err = fmt.Errorf("settled %d of %d", n, want)
	}
	return int(n), err
}
