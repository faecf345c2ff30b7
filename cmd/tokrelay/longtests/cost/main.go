// Command cost measures what the live debugger takes of a daemon at full speed: its share of the CPU time and the memory it
// holds, with browsers that follow, one that has stopped reading, and every call written to the calls topic. The daemon
// is profiled in a process of its own, and the profile's stacks tell whose time it was; Kafka, the registry and TikTok are
// stand-ins in another process. What the debugger makes delivery do for it (the places of rows) and what writing the calls
// topic costs inside the Kafka client count as the debugger's.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// addresses is what the stand-ins tell the daemon's process.
type addresses struct {
	Broker, Registry, TikTok string
	Records                  int
}

// The bounds that the figures are shown next to.
const (
	mostCPU    = 3  // percent
	mostMemory = 32 // MiB
)

func main() {
	records := flag.Int("records", 1_000_000, "records to read")
	role := flag.String("role", "", "internal: the part this process plays")
	flag.Parse()
	var err error
	switch *role {
	case "stand-ins":
		err = standIns(*records)
	case "daemon":
		err = runDaemon()
	default:
		err = compare(*records)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func compare(records int) error {
	folder, err := os.MkdirTemp("", "tokrelay-cost-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	others, found, err := start(records)
	if err != nil {
		return err
	}
	defer others.Process.Kill()
	daemon := exec.Command(os.Args[0], "-role", "daemon")
	daemon.Env = append(os.Environ(), "COST_ADDRESSES="+found, "COST_FOLDER="+folder)
	daemon.Stdout, daemon.Stderr = os.Stdout, os.Stderr
	if err := daemon.Run(); err != nil {
		return err
	}
	return judge(folder)
}

// judge prints what the profiles say. The page and the topic cost so much a second, whatever the daemon does meanwhile; so a
// machine that is busy with other things makes their share larger, and the share is also told for a daemon that has one
// core to itself, which is the least that full speed takes.
func judge(folder string) error {
	wall, err := seconds(folder)
	if err != nil {
		return err
	}
	page, daemon, err := accounted(folder, "cpu", pageOwn)
	if err != nil {
		return err
	}
	remembering, _, err := accounted(folder, "cpu", remembered)
	if err != nil {
		return err
	}
	topic, _, err := accounted(folder, "cpu", writing)
	if err != nil {
		return err
	}
	memory, heap, err := accounted(folder, "heap", pageOwn+"|"+remembered+"|"+writing)
	if err != nil {
		return err
	}
	line := func(what string, ms float64) {
		fmt.Printf("%-46s %6.0f ms, %5.2f ms a second, %4.1f %% of the daemon's\n", what, ms, ms/wall, 100*ms/daemon)
	}
	line("CPU time of the daemon, all in all", daemon)
	line("  the page, while browsers follow", page)
	line("  remembering calls and their rows' places", remembering)
	line("  writing the calls topic", topic)
	share := 100 * ((page+topic)/wall/1000 + remembering/daemon)
	fmt.Printf("share of a daemon that has a core to itself    %6.2f %%   bound %d %%: %s\n", share, mostCPU, held(share <= mostCPU))
	fmt.Printf("memory of all that                             %6.1f MiB of %.0f MiB   bound %d MiB: %s\n", memory, heap, mostMemory, held(memory <= mostMemory))
	return nil
}

func held(is bool) string { return map[bool]string{true: "held", false: "MISSED"}[is] }

func seconds(folder string) (float64, error) {
	text, err := os.ReadFile(filepath.Join(folder, "seconds"))
	if err != nil {
		return 0, fmt.Errorf("read how long it took: %w", err)
	}
	return strconv.ParseFloat(string(text), 64)
}

// What stacks are found in: the page; memory; and writing, which includes all that the Kafka client does to produce, for
// nothing is dead-lettered here.
const (
	pageOwn    = `tokrelay/debugger\.`
	remembered = `pipeline/calls\.\(\*(Log|ring|Entry)\)|delivery\.positions`
	writing    = `calls\.\(\*(Recorder|writer)\)|kgo\.\(\*(sink|recBuf|recBatch|produceRequest|producer)\)`
)

func start(records int) (*exec.Cmd, string, error) {
	cmd := exec.Command(os.Args[0], "-role", "stand-ins", "-records", strconv.Itoa(records))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil && !json.Valid([]byte(line)) {
		err = fmt.Errorf("the stand-ins said %q", line)
	}
	return cmd, line, err
}

var accounting = regexp.MustCompile(`accounting for ([\d.]+)\w*, [\d.]+% of ([\d.]+)\w* total`)

// accounted is what the stacks that the pattern is found in have taken, and what all have: milliseconds or MiB.
func accounted(folder, profile, focus string) (part, all float64, err error) {
	units := map[string][2]string{"cpu": {"ms", "cpu"}, "heap": {"mb", "inuse_space"}}[profile]
	out, err := exec.Command("go", "tool", "pprof", "-top", "-unit="+units[0], "-sample_index="+units[1], "-focus="+focus,
		os.Args[0], filepath.Join(folder, profile)).Output()
	if err != nil {
		return 0, 0, fmt.Errorf("read the %s profile: %w", profile, err)
	}
	found := accounting.FindSubmatch(out)
	if found == nil {
		return 0, 0, fmt.Errorf("read the %s profile: it does not say what %s accounts for", profile, focus)
	}
	part, err = strconv.ParseFloat(string(found[1]), 64)
	all, other := strconv.ParseFloat(string(found[2]), 64)
	return part, all, errors.Join(err, other)
}
