//go:build e2e

package story

import (
	"os"
	"testing"
	"time"
)

func TestABrokerRestartLosesNothing(t *testing.T) {
	f := newFlow(t, "brokerrestart", options{})
	f.day()
	f.source.written(t) // all topics are there: Connect gives up where it cannot create one
	f.start()
	f.streaming()
	f.day()
	f.underWay()
	stack(t, "restart", "kafka")
	f.day()
	f.laws()
}

func TestAFrozenBrokerLosesNothing(t *testing.T) {
	f := newFlow(t, "frozenbroker", options{})
	f.day()
	f.source.written(t)
	p := f.start()
	f.streaming()
	f.day()
	f.underWay()
	stack(t, "signal", "STOP", "kafka")
	f.day()
	frozen := time.Now()
	until(t, "the broker was frozen for a minute, six times the session timeout", func() bool { return time.Since(frozen) > time.Minute })
	stack(t, "signal", "CONT", "kafka")
	f.day()
	f.laws()
	if code := p.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d after a clean stop, want 0", code)
	}
}

func TestARegistryThatIsAwayOrRestartedLosesNothing(t *testing.T) {
	f := newFlow(t, "registryrestart", options{})
	f.day()
	f.source.written(t)
	stack(t, "stop", "registry")
	f.start()
	f.waitsFor("registry")
	stack(t, "start", "registry")
	f.underWay()
	f.source.exec(t, "ALTER TABLE events ADD COLUMN channel text DEFAULT 'web'")
	stack(t, "restart", "registry")
	f.day()
	f.laws()
}

func TestRestartsOfConnectAndTheirDuplicatesChangeNothing(t *testing.T) {
	f := newFlow(t, "connectrestart", options{})
	f.day()
	f.source.written(t) // a Connect killed before it has stored its place takes the snapshot again, and the deletes since are in no topic
	f.start()
	f.underWay()
	f.day()
	stack(t, "signal", "KILL", "connect")
	f.day()
	stack(t, "start", "connect")
	f.day()
	stack(t, "restart", "connect")
	f.day()
	f.laws()
}

func TestARestartOfTheDatabaseLosesNothing(t *testing.T) {
	f := newFlow(t, "databaserestart", options{})
	f.day()
	f.start()
	f.underWay()
	stack(t, "restart", "postgres")
	f.day()
	f.laws()
}
