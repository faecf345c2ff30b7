package metrics

// CallWritten counts an API call that the calls topic has.
func (m *Metrics) CallWritten() { m.calls.WithLabelValues("written").Inc() }

// CallsDropped counts API calls that the calls topic will not have.
func (m *Metrics) CallsDropped(n int64) { m.calls.WithLabelValues("dropped").Add(float64(n)) }
