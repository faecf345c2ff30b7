package events

// maxRequest is how large a call's body may become.
const maxRequest = 1 << 20

// Endpoint is where events go, below the API's base.
const Endpoint = "/event/track/"

// Limits are how many events a call may hold, and how many bytes.
func (p *Plan) Limits() (maxItems, maxBytes int) { return p.cfg.Batch.MaxEvents, maxRequest }

// AppendRequest writes the body of a call with these events, which share the envelope.
func (p *Plan) AppendRequest(dst []byte, envelope string, bodies [][]byte) []byte {
	dst = append(append(append(dst, '{'), envelope...), `,"data":[`...)
	for i, body := range bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, "]}"...)
}
