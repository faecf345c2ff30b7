package daemon

import (
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Budget is the one account of how long partitions may take to be given up and the daemon to stop. Every part fits into
// the next one, so that a row whose call is under way is settled and its offset committed before anything gives up waiting:
//
//	Call + delivery.Grace           ≤ RevokeDrain      a call that has just begun may end
//	RevokeDrain + kafka.LastCommit  ≤ Rebalance        before Kafka gives the partition to another member unasked
//	RevokeDrain                     ≤ Drain            a stop waits for what another member gives up at that moment
//	Drain + kafka.AfterDrain        ≤ Supervisor       before the supervisor kills the process
//
// Uploads of audience files are not part of it: a stop ends them, and the next start goes on with them.
type Budget struct {
	Call        time.Duration // the longest connections.*.timeout
	Slowest     string        // the connection that has it
	RevokeDrain time.Duration // kafka.revoke_drain
	Rebalance   time.Duration // kafka.rebalance_timeout
	Drain       time.Duration // shutdown.drain
}

// Budget is the configuration's.
func (c *Config) Budget() Budget {
	k := c.Kafka
	b := Budget{RevokeDrain: k.RevokeDrain.Std(), Rebalance: k.RebalanceTimeout.Std(), Drain: c.Shutdown.Drain.Std()}
	for _, name := range slices.Sorted(maps.Keys(c.Connections)) {
		if t := c.Connections[name].Timeout.Std(); t > b.Call {
			b.Call, b.Slowest = t, name
		}
	}
	return b
}

// Rows is the longest time until rows in flight have settled.
func (b Budget) Rows() time.Duration { return b.Call + delivery.Grace }

// Stop is the longest time from the signal until the syncs have ended.
func (b Budget) Stop() time.Duration { return b.Drain + kafka.AfterDrain }

// Supervisor is the least time a supervisor must grant between its signal and its kill: the last calls are recorded and
// spans sent after the syncs have ended.
func (b Budget) Supervisor() time.Duration { return b.Stop() + lastRecords }

const lastRecords = 5 * time.Second

// validate reports every part that does not fit into the next. Each is held against what the one before it needs, not
// against what it is set to: one look shows all that has to change.
func (b Budget) validate(at settings.Place) {
	revoke := max(b.RevokeDrain, b.Rows())
	if b.RevokeDrain < revoke {
		tooShort(at.Key("kafka").Key("revoke_drain"), revoke,
			"connections."+b.Slowest+".timeout and "+text(delivery.Grace)+" to settle its rows", "or a shorter timeout of the connection")
	}
	if needs := revoke + kafka.LastCommit; b.Rebalance < needs {
		tooShort(at.Key("kafka").Key("rebalance_timeout"), needs, "kafka.revoke_drain and "+text(kafka.LastCommit)+" for the last commit", "")
	}
	if b.Drain < revoke {
		tooShort(at.Key("shutdown").Key("drain"), revoke, "kafka.revoke_drain",
			"and let the supervisor wait "+text(revoke+kafka.AfterDrain+lastRecords)+" before it kills")
	}
}

func tooShort(at settings.Place, least time.Duration, why, more string) {
	hint := "set " + at.String() + ": " + text(least)
	if more != "" {
		hint += ", " + more
	}
	at.Problem("must be at least "+text(least)+": "+why, hint)
}

func text(d time.Duration) string { return settings.Duration(d).String() }
