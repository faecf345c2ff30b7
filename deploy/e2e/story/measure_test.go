//go:build e2e

package story

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Figures of a streamed audience on a real broker, for docs/speed.md: run it alone, with the number of rows in E2E_MEASURE. TikTok's limit of ten calls a
// second is kept.
func TestMeasureAnAudienceOfOwners(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("E2E_MEASURE"))
	if n == 0 {
		t.Skip("E2E_MEASURE says how many rows; it takes minutes")
	}
	c := newCrowd(t, "measure", 6, options{timeout: 30})
	c.correct("max_users: 1000,", "max_users: 10000,")
	for id := 0; id < n; id += 10_000 {
		var records []*kgo.Record
		for i := range min(10_000, n-id) {
			records = append(records, c.put(id+i, fmt.Sprintf("person%d@example.com", id+i)))
		}
		c.produce(records)
	}
	p := c.start()
	until(t, "the sync reads", func() bool { assigned, _ := c.metric("tokrelay_partitions_assigned"); return assigned > 0 })
	began, cpu := time.Now(), c.cpu()
	for len(c.tiktok.Audiences()) == 0 || c.tiktok.Audiences()[0].Members < n {
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(began)
	t.Logf("%d rows in %.1f s: %.0f rows/s; %.1f µs of processor a row; resident %.0f MB", n, took.Seconds(), float64(n)/took.Seconds(),
		(c.cpu()-cpu)*1e6/float64(n), c.one("process_resident_memory_bytes")/1e6)
	c.caughtUp()
	t.Logf("all is committed after %.1f s", time.Since(began).Seconds())
	p.Stop(os.Interrupt)

	p = c.start()
	restored := func(stage string) float64 {
		s, _ := c.metric("tokrelay_audience_restore_seconds", `stage="`+stage+`"`)
		return s
	}
	until(t, "both stages are restored", func() bool { return restored("rows") > 0 && restored("claims") > 0 })
	time.Sleep(5 * time.Second)
	t.Logf("%d members restored: rows %.1f s, claims %.1f s; %.1f s of processor since the start; resident %.0f MB", n, restored("rows"), restored("claims"),
		c.cpu(), c.one("process_resident_memory_bytes")/1e6)
	p.Stop(os.Interrupt)
	c.delays(t)
}

// delays measures, with an audience of few, how long single rows take from their writing to TikTok.
func (c *crowd) delays(t *testing.T) {
	few := newCrowd(t, "delays", 6, options{timeout: 30})
	few.correct("batch: {max_users: 1000, linger: 100ms}", "batch: {max_users: 10000, linger: 0s}")
	few.start()
	few.produce([]*kgo.Record{few.put(0, "first@example.com")})
	few.isRight("once it runs")
	var took []time.Duration
	for i := 1; i <= 500; i++ {
		began := time.Now()
		few.produce([]*kgo.Record{few.put(i, fmt.Sprintf("single%d@example.com", i))})
		for few.tiktok.Audiences()[0].Members <= i {
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(began))
		time.Sleep(150 * time.Millisecond) // below TikTok's ten calls a second
	}
	slices.Sort(took)
	t.Logf("a single row reaches TikTok after %s (half), %s (99 %%), %s (all), its writing included", took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// cpu is the processor time that the daemon has used, in seconds.
func (c *crowd) cpu() float64 { return c.one("process_cpu_seconds_total") }

// one is a metric without labels.
func (c *crowd) one(name string) (value float64) {
	for line := range strings.Lines(c.get("/metrics")) {
		if text, is := strings.CutPrefix(line, name+" "); is {
			value, _ = strconv.ParseFloat(strings.TrimSpace(text), 64)
		}
	}
	return value
}
