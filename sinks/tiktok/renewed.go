package tiktok

import (
	"net/http"
	"sync"
	"time"
)

// oldestConnection is the age at which connections are given up, so that another address of TikTok's is seen: a connection
// that is never idle would otherwise stay with the old one for as long as it answers.
const oldestConnection = 5 * time.Minute

// renewed gives new calls to a new transport once its connections are old. Calls that are in flight end where they are.
type renewed struct {
	age time.Duration

	mu        sync.Mutex
	transport *http.Transport
	until     time.Time
}

func (r *renewed) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.current().RoundTrip(req)
}

// CloseIdleConnections closes the connections that no call uses.
func (r *renewed) CloseIdleConnections() { r.current().CloseIdleConnections() }

func (r *renewed) current() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.After(r.until) {
		old := r.transport
		r.transport, r.until = old.Clone(), now.Add(r.age)
		old.CloseIdleConnections() // those in use follow when their call has ended, for no other begins there
	}
	return r.transport
}
