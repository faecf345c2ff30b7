package daemon

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestSyncsDivideTheMemoryOfTheProcess(t *testing.T) {
	const mib = 1 << 20
	usual := settings.WithDefaults(kafka.Config{})
	for _, c := range []struct {
		name          string
		all           settings.Size
		syncs         int
		budget, fetch settings.Size
	}{
		{"one sync has what is configured", 512 * mib, 1, 64 * mib, 8 * mib},
		{"ten have their parts", 512 * mib, 10, (512 - 40) * mib / 60, (512 - 40) * mib / 120},
		{"many have what it takes to go on", 512 * mib, 500, mib, mib},
		{"little memory", 64 * mib, 1, 4 * mib, 2 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := divide(c.all, c.syncs).of(usual)
			if got.Budget != c.budget || got.FetchMaxBytes != c.fetch || got.FetchMaxPartitionBytes > got.FetchMaxBytes {
				t.Errorf("got budget %d, fetch %d of them %d a partition; want %d, %d", got.Budget, got.FetchMaxBytes, got.FetchMaxPartitionBytes, c.budget, c.fetch)
			}
		})
	}
}

func TestWhatIsWrittenOfMemoryCounts(t *testing.T) {
	size := settings.Size(300 << 20)
	if got := (&Config{Memory: &size}).memory(); got != size {
		t.Errorf("got %d, want %d", got, size)
	}
	if got := (&Config{}).memory(); got < leastMemory {
		t.Errorf("left out: got %d", got)
	}
}
