package virtual

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// What a run may cost in the real world. It takes less than a second of a processor, and little memory.
const (
	realTime = 5 * time.Minute
	memory   = 1 << 30
)

// Guard watches a run from outside its virtual time, in which a goroutine that turns in a circle stops the clock. A run
// that takes too long, or too much memory, ends the process, and leaves behind what it takes to know why.
func Guard(seed uint64, log *Logs) (release func()) {
	over := make(chan struct{})
	began, ticker := time.Now(), time.NewTicker(time.Second/4)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
			}
			if used := inUse(); time.Since(began) > realTime || used > memory {
				fmt.Fprintf(os.Stderr, "log:\n%s\n", log.Tail())
				pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
				panic(fmt.Sprintf("the run was ended after %v, with %d MB in use; again with: -seed %d -runs 1", time.Since(began).Round(time.Second), used>>20, seed))
			}
		}
	}()
	return func() { close(over) }
}

func inUse() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}
