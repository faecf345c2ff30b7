package main

import (
	"fmt"
	"slices"
	"strings"
)

// round is one run of each loop, one after the other.
type round struct{ bare, steps, full, outcomes, barePeople, people figures }

// compare starts the broker's process, runs the loops in turn and prints what they cost.
func compare(records, runs int, only string) error {
	broker, input, a, err := startBroker(records)
	if err != nil {
		return err
	}
	defer broker.Wait()
	defer input.Close()
	rounds := make([]round, runs)
	if only == "growth" {
		return growth(a)
	}
	for i := range rounds {
		r := &rounds[i]
		for role, into := range map[string]*figures{"bare": &r.bare, "steps": &r.steps, "full": &r.full, "outcomes": &r.outcomes, "barepeople": &r.barePeople, "people": &r.people} {
			if of := strings.HasSuffix(role, "people"); only != "" && of != (only == "people") {
				continue
			}
			if *into, err = child(role, a); err != nil {
				return fmt.Errorf("%s: %w", role, err)
			}
		}
	}
	if only != "events" {
		reportPeople(rounds)
	}
	if only == "people" {
		return nil
	}
	report(rounds)
	if err := slow(a, rounds); err != nil || only == "events" {
		return err
	}
	return growth(a)
}

func show(rounds []round, list ...func(round) figures) {
	for _, of := range list {
		f := median(rounds, of)
		fmt.Printf("%-10s %8d records  %6.0f ns CPU/record  %5.2f allocations/record  %7.0f records/s wall  peak %d MB\n", f.Name, f.Records,
			perRecord(f), allocations(f), float64(f.Records)/f.Wall.Seconds(), f.PeakMegabytes)
	}
}

func reportPeople(rounds []round) {
	show(rounds, barePeopleOf, peopleOf)
	ratio, runs := ratios(rounds, peopleOf, barePeopleOf)
	fmt.Printf("a streamed audience:     %.2f × the bare loop's CPU (bound: at most 3; the runs: %.2f)\n", ratio, runs)
}

func report(rounds []round) {
	show(rounds, bareOf, stepsOf, fullOf, outcomesOf)
	ratio, runs := ratios(rounds, fullOf, bareOf)
	fmt.Printf("whole pipeline:          %.2f × the bare loop's CPU (bound: at most 2; the runs: %.2f)\n", ratio, runs)
	ratio, runs = ratios(rounds, stepsOf, fullOf)
	fmt.Printf("speed:                   %.2f of a bare loop with the same decoder (bound: at least 0.9; the runs: %.2f)\n", ratio, runs)
	ratio, runs = ratios(rounds, outcomesOf, fullOf)
	fmt.Printf("outcomes:                %.2f × the pipeline without them (bound: at most 1.15; the runs: %.2f)\n", ratio, runs)
	full := median(rounds, fullOf)
	fmt.Printf("allocations a record:    %.2f (bound: at most 0.5)\n", allocations(full))
	fmt.Printf("peak memory:             %d MB (bound: less than 150)\n", full.PeakMegabytes)
}

func bareOf(r round) figures  { return r.bare }
func stepsOf(r round) figures { return r.steps }
func fullOf(r round) figures  { return r.full }

func barePeopleOf(r round) figures { return r.barePeople }
func peopleOf(r round) figures     { return r.people }
func outcomesOf(r round) figures   { return r.outcomes }

// ratios are those of neighbours, for what else the machine does changes meanwhile; the median counts.
func ratios(rounds []round, above, below func(round) figures) (middle float64, all []float64) {
	for _, r := range rounds {
		all = append(all, perRecord(above(r))/perRecord(below(r)))
	}
	slices.Sort(all)
	return all[len(all)/2], all
}

// slow runs the daemon once more, against a TikTok that takes its time.
func slow(a addresses, rounds []round) error {
	a.TikTok = a.Slow
	f, err := child("full", a)
	if err != nil {
		return fmt.Errorf("full, slow TikTok: %w", err)
	}
	rate, share, err := ofIdeal(a.Slow, a.Records)
	if err != nil {
		return err
	}
	fmt.Printf("TikTok answering after %v: %.0f rows/s, %.2f of %d in flight × 1000 / latency (bound: at least 0.9)\n", latency, rate, share, callsInFlight)
	row := perRecord(median(rounds, stepsOf))
	fmt.Printf("                         %.2f cores, of them %.2f beyond the row work (bound: at most 0.25)\n",
		perRecord(f)*rate/1e9, (perRecord(f)-row)*rate/1e9)
	return nil
}

// ofIdeal is how many records a second a TikTok was sent, and the share of what calls in flight could bring to the slow one.
func ofIdeal(tiktok string, records int) (rate, share float64, err error) {
	took, err := tookBy(tiktok)
	rate = float64(records) / took.Seconds()
	return rate, rate / (callsInFlight * 1000 / latency.Seconds()), err
}

func perRecord(f figures) float64   { return float64(f.CPU.Nanoseconds()) / float64(f.Records) }
func allocations(f figures) float64 { return float64(f.Allocations) / float64(f.Records) }

func median(rounds []round, of func(round) figures) figures {
	var list []figures
	for _, r := range rounds {
		list = append(list, of(r))
	}
	slices.SortFunc(list, func(x, y figures) int { return int(x.CPU - y.CPU) })
	return list[len(list)/2]
}
