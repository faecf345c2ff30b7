package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Reload takes over what can change while the daemon runs: the log level, the limits of connections and the files of
// currencies; calls that wait for a token are tried at once. later names what else has changed in the configuration: it counts
// from the next start on. The error says what could not be taken over, and stays as it was.
func (d *Daemon) Reload(c *Config) (later []string, err error) {
	w := d.Wiring
	w.setLevel(c)
	for name, known := range w.connections {
		if now, ok := c.Connections[name]; ok {
			known.gate.SetLimits(gateConfig(now))
		}
		known.gate.TryNow()
	}
	for _, s := range d.streams {
		if s.events == nil {
			continue
		}
		if wrong := s.events.ReadCurrencies(); wrong != nil {
			err = errors.Join(err, fmt.Errorf("sync %s: %w", s.Sync.Name, wrong))
		}
	}
	return w.Config.changes(c), err
}

// setLevel obeys log_level.
func (w *Wiring) setLevel(c *Config) {
	var level slog.Level
	if w.options.Level != nil && c.LogLevel != "" && level.UnmarshalText([]byte(c.LogLevel)) == nil {
		w.options.Level.Set(level)
	}
}

// changes are the parts that differ in another configuration, but for what Reload takes over. Secrets are not compared.
func (c *Config) changes(other *Config) (names []string) {
	was, is := c.parts(), other.parts()
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if text, still := is[name]; !still || !bytes.Equal(text, was[name]) {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, known := was[name]; !known {
			names = append(names, name)
		}
	}
	return names
}

// parts are the configuration in pieces that are told by name.
func (c *Config) parts() map[string][]byte {
	parts := map[string][]byte{}
	for name, part := range map[string]any{"kafka": c.Kafka, "schema_registry": c.SchemaRegistry, "dead_letter": c.DeadLetter, "calls": c.Calls,
		"admin": c.Admin, "notify": c.Notify, "shutdown": c.Shutdown} {
		parts[name] = settings.Effective(part)
	}
	parts["state_topic"] = []byte(c.StateTopic)
	for name, connection := range c.Connections {
		connection.Limits = tiktok.Limits{}
		parts["connections."+name] = settings.Effective(connection)
	}
	for i := range c.Syncs {
		parts["sync "+c.Syncs[i].Name] = settings.Effective(&c.Syncs[i])
	}
	return parts
}
