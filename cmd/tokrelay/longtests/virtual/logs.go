package virtual

import (
	"slices"
	"sync"
)

// Logs keeps the last of what members log, for a test that fails.
type Logs struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps a line.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text = append(l.text, p...); len(l.text) > 2<<20 {
		l.text = slices.Delete(l.text, 0, 1<<20)
	}
	return len(p), nil
}

// Tail is the end of it.
func (l *Logs) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-12000):])
}
