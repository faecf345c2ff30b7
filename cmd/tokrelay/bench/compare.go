package main

import (
	"fmt"
	"slices"
)

// compare starts the broker's process, runs the loops in turn and prints what they cost.
func compare(records, runs int) error {
	broker, input, a, err := startBroker(records)
	if err != nil {
		return err
	}
	defer broker.Wait()
	defer input.Close()
	var bare, full []figures
	for range runs {
		b, err := child("bare", a)
		if err != nil {
			return fmt.Errorf("bare: %w", err)
		}
		f, err := child("full", a)
		if err != nil {
			return fmt.Errorf("full: %w", err)
		}
		bare, full = append(bare, b), append(full, f)
	}
	report(bare, full)
	return slow(a)
}

func report(bare, full []figures) {
	ratios := make([]float64, len(bare))
	for i := range bare {
		ratios[i] = perRecord(full[i]) / perRecord(bare[i]) // of neighbours: what else the machine does changes meanwhile
	}
	slices.Sort(ratios)
	for _, f := range []figures{median(bare), median(full)} {
		fmt.Printf("%-5s %8d records  %6.0f ns CPU/record  %5.2f allocations/record  %7.0f records/s wall  peak %d MB\n", f.Name, f.Records,
			perRecord(f), float64(f.Allocations)/float64(f.Records), float64(f.Records)/f.Wall.Seconds(), f.PeakMegabytes)
	}
	fmt.Printf("ratio %.2f × the bare loop's CPU (bound: 2; the runs: %.2f)\n", ratios[len(ratios)/2], ratios)
}

// slow runs the daemon once more, against a TikTok that takes its time.
func slow(a addresses) error {
	a.TikTok = a.Slow
	if _, err := child("full", a); err != nil {
		return fmt.Errorf("full, slow TikTok: %w", err)
	}
	t, err := talliedBy(a.Slow)
	if err != nil {
		return err
	}
	ideal := callsInFlight * 1000 / latency.Seconds()
	rate := float64(a.Records) / t.Took.Seconds()
	fmt.Printf("TikTok answering after %v: %.0f rows/s in %d calls, %.2f of %d in flight × 1000 / latency (bound: 0.9)\n",
		latency, rate, t.Calls, rate/ideal, callsInFlight)
	return nil
}

func perRecord(f figures) float64 { return float64(f.CPU.Nanoseconds()) / float64(f.Records) }

func median(list []figures) figures {
	list = slices.SortedFunc(slices.Values(list), func(x, y figures) int { return int(x.CPU - y.CPU) })
	return list[len(list)/2]
}
