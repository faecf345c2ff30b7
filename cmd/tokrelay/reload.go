package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// hangups are the SIGHUPs that this process gets from now on. Without it they end the process.
func hangups() (heard chan os.Signal, stop func()) {
	heard = make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	return heard, func() { signal.Stop(heard) }
}

// reloading reads the configuration again at each of them, until what it returns is called.
func reloading(ctx context.Context, heard <-chan os.Signal, d *daemon.Daemon, path string, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-heard:
				reload(d, path, log)
			}
		}
	})
	return func() { cancel(); working.Wait() }
}

// reload takes a configuration over as a whole or, where it has a problem, not at all.
func reload(d *daemon.Daemon, path string, log *slog.Logger) {
	if path == fromStdin {
		log.Error("the configuration came from standard input, which is not read again: everything goes on as it was")
		return
	}
	config, report, err := daemon.Load(path, settings.Process())
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		log.Error("the configuration is not taken over: everything goes on as it was", "error", err)
		return
	}
	later, err := d.Reload(config)
	if err != nil {
		log.Error("a part of the configuration is not taken over: it stays as it was", "error", err)
	}
	log.Info("configuration read again", "taken_over", "log_level, limits of connections, files of currencies, tokens", "counts_from_next_start", strings.Join(later, ", "))
}
