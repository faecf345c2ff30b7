package delivery

import "slices"

// envelopeQueue is what waits for calls of one envelope, oldest first. Queue.mu guards it.
type envelopeQueue struct {
	envelope string
	field    string
	entries  []entry
	head     int // entries before it are taken
	bytes    int // of the waiting items, with a comma each
}

func (l *envelopeQueue) waiting() []entry { return l.entries[l.head:] }
func (l *envelopeQueue) len() int         { return len(l.entries) - l.head }

func (l *envelopeQueue) addEntry(e entry) {
	if l.head > 0 && len(l.entries) == cap(l.entries) && l.head >= len(l.entries)/2 {
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	l.entries = append(l.entries, e)
	l.bytes += e.size()
}

// takeEntries moves up to n items, of no more than size bytes together, to the end of into; the first is taken whatever its size.
func (l *envelopeQueue) takeEntries(into []entry, n, size int) []entry {
	for _, e := range l.waiting() {
		size -= e.size()
		if n == 0 || size < 0 && len(into) > 0 {
			break
		}
		into = append(into, e)
		l.bytes -= e.size()
		l.entries[l.head] = entry{}
		l.head++
		n--
	}
	return into
}

// drop forgets what a leaving delivery has waiting.
func (l *envelopeQueue) drop(d *delivery) {
	l.entries = slices.DeleteFunc(l.entries[l.head:], func(e entry) bool {
		if e.d == d {
			l.bytes -= e.size()
		}
		return e.d == d
	})
	l.head = 0
}
