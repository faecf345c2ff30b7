package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/debugger"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const config = `
kafka: {brokers: ["${BROKER}"], group: cost}
schema_registry: {url: "${REGISTRY}"}
connections: {main: {access_token: "token", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
calls: {topic: tokrelay.calls}
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
        page.url: page_url
        properties.value: amount
        properties.currency: currency
`

// runDaemon runs the daemon under a profile until it has delivered everything, with browsers.
func runDaemon() error {
	var a addresses
	if err := json.Unmarshal([]byte(os.Getenv("COST_ADDRESSES")), &a); err != nil {
		return err
	}
	c, report := daemon.Parse([]byte(config), settings.Vars(map[string]string{"BROKER": a.Broker, "REGISTRY": a.Registry, "TIKTOK": a.TikTok}))
	if err := report.Err(); err != nil {
		return err
	}
	d, err := daemon.New(c, daemon.Options{Page: debugger.New})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cpu, err := os.Create(filepath.Join(os.Getenv("COST_FOLDER"), "cpu"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.RunOn(ctx, listener) }()
	b := browsers{address: listener.Addr().String()}
	for _, path := range []string{"/", "/calls", "/rejected"} {
		go b.follow(ctx, path)
	}
	go b.stopReading(ctx)
	began := time.Now()
	for !d.CaughtUp(ctx) {
		select {
		case err := <-ended:
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
	took := time.Since(began)
	pprof.StopCPUProfile()
	if err := holds(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("COST_FOLDER"), "seconds"), fmt.Append(nil, took.Seconds()), 0o600); err != nil {
		return err
	}
	counts, err := d.Wiring.Metrics.Counts("orders")
	if err != nil {
		return err
	}
	fmt.Printf("%d rows delivered in %.1f s, %d calls on the topic's way dropped, with 3 browsers that follow and one that has stopped reading\n",
		counts.Settled[pipeline.Delivered], took.Seconds(), d.Wiring.Recorder.Dropped())
	stop()
	return <-ended
}

// holds writes what the process holds.
func holds() error {
	runtime.GC()
	heap, err := os.Create(filepath.Join(os.Getenv("COST_FOLDER"), "heap"))
	if err != nil {
		return err
	}
	defer heap.Close()
	return pprof.Lookup("heap").WriteTo(heap, 0)
}

// browsers follow the page.
type browsers struct{ address string }

func (b browsers) follow(ctx context.Context, path string) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+b.address+path, nil)
	if err != nil {
		return
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
	}
}

// stopReading asks for a page that moves and takes nothing of it.
func (b browsers) stopReading(ctx context.Context) {
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /calls HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", b.address)
	<-ctx.Done()
}
