package kafka

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// The law test found a member that asked for its offsets 100,000 times within one moment, while its broker was away.
func TestABrokerThatRefusesConnectionsIsNotAskedAgainAtOnce(t *testing.T) {
	refused := errors.New("connection refused")
	dial, err := Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}.dialer()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if _, err := dial(t.Context(), "tcp", "localhost:9092"); !errors.Is(err, refused) || time.Since(began) < dialPause {
			t.Errorf("got %v after %v, want the refusal after %v", err, time.Since(began), dialPause)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		began = time.Now()
		if _, err := dial(gone, "tcp", "localhost:9092"); !errors.Is(err, refused) || time.Since(began) > 0 {
			t.Errorf("a client that ends: got %v after %v, want the refusal at once", err, time.Since(began))
		}
	})
}
