package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// The third comparison: the daemon alone, with rows of 10 KB, and with many syncs of one topic that is full.

const (
	wideTopic = "shop.public.wide"
	wideRow   = 10_000
	wideOf    = 5 // one of five records is written again as a wide one
	manyTopic = "shop.public.many"
	manyOf    = 20 // and one of twenty for many syncs
)

// manyText has many syncs read the orders.
func manyText(syncs int) string {
	head, sync, _ := strings.Cut(fullText, "  - name: orders\n")
	var text strings.Builder
	text.WriteString(head)
	for i := range syncs {
		text.WriteString(fmt.Sprintf("  - name: orders-%d\n", i) + sync)
	}
	return strings.ReplaceAll(text.String(), benchTopic, manyTopic)
}

func runWide(ctx context.Context, a addresses) (int, error) {
	a.Records /= wideOf
	return runDaemon(ctx, a, strings.ReplaceAll(fullText, benchTopic, wideTopic), false)
}

func runTen(ctx context.Context, a addresses) (int, error)   { return runMany(ctx, a, 10) }
func runFifty(ctx context.Context, a addresses) (int, error) { return runMany(ctx, a, 50) }

func runMany(ctx context.Context, a addresses, syncs int) (int, error) {
	a.Records /= manyOf
	return runDaemon(ctx, a, manyText(syncs), false)
}

// growth runs the daemon with wide rows, at a TikTok that answers at once and at the slow one, and with many syncs.
func growth(a addresses) error {
	for _, g := range []struct {
		role, what, tiktok, bound string
	}{
		{"wide", "rows of 10 KB", a.TikTok, ""},
		{"wide", fmt.Sprintf("the same, answered after %v", latency), a.Slow, "at least 0.8 of the ideal"},
		{"ten", "ten syncs of a topic", a.TikTok, "at most 400 MB"},
		{"fifty", "fifty syncs of a topic", a.TikTok, "at most 1000 MB"},
	} {
		if err := reset(g.tiktok); err != nil {
			return err
		}
		of := a
		of.TikTok = g.tiktok
		f, err := child(g.role, of)
		if err != nil {
			return fmt.Errorf("%s: %w", g.what, err)
		}
		rate, share, err := ofIdeal(g.tiktok, f.Records)
		if err != nil {
			return err
		}
		fmt.Printf("%-30s %7.0f rows/s, %.2f of calls in flight × 1000 / latency, %.0f ns CPU/record, peak %d MB (bound: %s)\n",
			g.what, rate, share, perRecord(f), f.PeakMegabytes, cmp.Or(g.bound, "none"))
	}
	return nil
}

// reset has a tiktok forget what it was sent.
func reset(address string) error {
	response, err := http.Post(address+"/reset", "", nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
