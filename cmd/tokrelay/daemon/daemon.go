package daemon

import (
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/events/counted"
)

// ErrUndrained reports that the drain deadline passed: rows that had not settled, or whose offsets Kafka did not take, will
// be read again by the next start.
var ErrUndrained = errors.New("drain deadline missed")

// Daemon is a running tokrelay: the syncs of a configuration.
type Daemon struct {
	Wiring *Wiring

	streams []*Stream
	files   map[string]*audiencefile.Job // by sync
	router  *router.Router
	orders  orders
	counted *counted.Readback
	checked checked
}

// New puts a daemon together. It opens no connection yet.
func New(c *Config, o Options) (*Daemon, error) {
	w, err := Wire(c, o)
	if err != nil {
		return nil, err
	}
	d := &Daemon{Wiring: w, files: map[string]*audiencefile.Job{}, orders: orders{last: map[string]time.Time{}}}
	d.counted = counted.NewReadback(w.State, w.countedAccounts(), time.Now, w.Metrics, w.Log)
	for i := range c.Syncs {
		if err := d.join(&c.Syncs[i]); err != nil {
			return nil, fmt.Errorf("sync %s: %w", c.Syncs[i].Name, err)
		}
	}
	var routes []router.Sync
	for _, s := range d.streams {
		routes = append(routes, s.Route)
	}
	d.router, err = router.New(router.Options{Syncs: routes, Status: w.Status, Log: w.Log, Stop: c.Budget().Stop()})
	return d, err
}

// join adds a sync: a stream that the router runs, or an upload on a schedule.
func (d *Daemon) join(s *Sync) (err error) {
	if s.Kind() == KindFile {
		d.files[s.Name], err = d.Wiring.fileJob(s)
		return err
	}
	stream, err := d.Wiring.Stream(s)
	d.streams = append(d.streams, stream)
	return err
}

// audience is the stream that fills an audience, nil for other syncs.
func (d *Daemon) audience(sync string) *Stream {
	for _, s := range d.streams {
		if s.Sync.Name == sync && s.streamed != nil {
			return s
		}
	}
	return nil
}
