package events

// maxRequest is how large a call's body may become.
const maxRequest = 1 << 20

// Endpoint is where the events go, below the API's base.
func (p *Plan) Endpoint() string {
	switch {
	case !p.cfg.pixelAPI():
		return "/event/track/"
	case p.cfg.maxEvents() == 1:
		return "/pixel/track/"
	}
	return "/pixel/batch/"
}

// Limits are how many events a call may hold, and how many bytes.
func (p *Plan) Limits() (maxItems, maxBytes int) { return p.cfg.maxEvents(), maxRequest }

// AppendRequest writes the body of a call with these events, which share the envelope.
func (p *Plan) AppendRequest(dst []byte, envelope string, bodies [][]byte) []byte {
	dst = append(append(dst, '{'), envelope...)
	if p.Endpoint() == "/pixel/track/" {
		return append(append(dst, ','), bodies[0][1:]...) // the event is the call
	}
	list := `,"data":[`
	if p.cfg.pixelAPI() {
		list = `,"batch":[`
	}
	dst = append(dst, list...)
	for i, body := range bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, "]}"...)
}
