// Command bench measures the whole daemon against a bare hand-written loop that does the same work on the same records
// in the same run, and against that loop with the daemon's own decoder and sink; each alone in a process of its own, with
// the broker, the registry and the TikTok stand-in in another. It prints CPU time per record, their ratios, allocations
// per record and peak memory, and how near the daemon comes to what its calls in flight allow when TikTok takes a tenth of
// a second, each next to its bound (docs/speed.md). It does the same for a streamed audience, whose bare loop has a map
// (people.go), and tells how it grows with the width of rows and the number of syncs (growth.go). Timings of a shared machine vary: read the ratios.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// addresses is what the broker process tells the others.
type addresses struct {
	Broker, Registry, TikTok, Slow, Audience string
	Records                                  int
}

// figures is what a measured process tells of itself.
type figures struct {
	Name          string
	Records       int
	CPU, Wall     time.Duration
	Allocations   uint64
	PeakMegabytes int64
}

func main() {
	records := flag.Int("records", 500_000, "records to read")
	runs := flag.Int("runs", 3, "runs of each loop, in turn; the median counts")
	only := flag.String("only", "", "compare these alone: events, people or growth")
	role := flag.String("role", "", "internal: the part this process plays")
	flag.Parse()
	var err error
	switch *role {
	case "broker":
		err = serve(*records)
	case "":
		err = compare(*records, *runs, *only)
	default:
		err = measure(*role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func startBroker(records int) (*exec.Cmd, io.Closer, addresses, error) {
	var a addresses
	cmd := exec.Command(os.Args[0], "-role", "broker", "-records", fmt.Sprint(records))
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe() // its end tells the broker to stop
	if err != nil {
		return nil, nil, a, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, a, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, a, err
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	return cmd, input, a, err
}

func child(role string, a addresses) (figures, error) {
	var f figures
	in, err := json.Marshal(a)
	if err != nil {
		return f, err
	}
	cmd := exec.Command(os.Args[0], "-role", role)
	cmd.Env = append(os.Environ(), "BENCH_ADDRESSES="+string(in))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(out, &f)
}

// measure runs one loop and prints its figures as JSON.
func measure(role string) error {
	var a addresses
	if err := json.Unmarshal([]byte(os.Getenv("BENCH_ADDRESSES")), &a); err != nil {
		return err
	}
	if path := os.Getenv("BENCH_PROFILE_" + role); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	loop := map[string]func(context.Context, addresses) (int, error){"bare": runBare, "steps": runSteps, "full": runFull, "outcomes": runOutcomes, "barepeople": runBarePeople, "people": runPeople,
		"wide": runWide, "ten": runTen, "fifty": runFifty}[role]
	start := time.Now()
	n, err := loop(context.Background(), a)
	if err != nil {
		return err
	}
	f := figures{Name: role, Records: n, Wall: time.Since(start)}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	f.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	f.PeakMegabytes = usage.Maxrss / 1024
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	f.Allocations = memory.Mallocs
	return json.NewEncoder(os.Stdout).Encode(f)
}
