package sandbox

import (
	"cmp"
	"net"
	"net/http"
	"time"
)

// badGateway is what a proxy in front of TikTok shows when the service behind it is away.
const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// interrupted ends a call whose fault has no return code; act does the rest.
var interrupted = &refusal{}

// strike chooses the fault of a stage that does not look at content, and waits out its delay.
func (s *Sandbox) strike(c *call, stage Stage) *Fault {
	f, delay := s.faults.choose(c, stage, false)
	c.wait(delay)
	return f
}

// poison strikes a call that passed every check, for what it holds. Endpoints ask right before their effect.
func (c *call) poison() *refusal {
	f, delay := c.s.faults.choose(c, BeforeEffect, true)
	c.wait(delay)
	if f == nil {
		return nil
	}
	c.fault = f
	return interrupted
}

// after chooses what strikes once the endpoint has answered.
func (s *Sandbox) after(c *call, r *refusal) *Fault {
	if r == interrupted {
		return c.fault
	}
	if r != nil {
		return nil
	}
	for _, content := range []bool{false, true} {
		f, delay := s.faults.choose(c, AfterEffect, content)
		c.wait(delay)
		if f != nil {
			return f
		}
	}
	return nil
}

// wait holds the call, unless the client goes away.
func (c *call) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
	}
}

// act does what a fault says and reports whether the call is answered with it.
func (s *Sandbox) act(w http.ResponseWriter, c *call, f Fault) bool {
	c.answered.Fault = cmp.Or(f.Name, "fault")
	switch {
	case f.Timeout:
		c.drain()
		<-c.r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset:
		cut(w)
	case f.HTTPStatus != 0:
		c.answered.Status, c.answered.page = f.HTTPStatus, true
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.HTTPStatus)
		_, _ = w.Write([]byte(cmp.Or(f.Body, badGateway)))
	default:
		c.answer(w, refuse(f.Code, "%s", cmp.Or(f.Message, usualMessage(f.Code))), nil)
	}
	return true
}

// cut ends the connection without an answer: a reset where there is a TCP connection, a broken one elsewhere.
func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}

// usualMessage is the text TikTok gives with a code, where one is known.
func usualMessage(code int) string {
	texts := map[int]string{
		20001: "Partial success.",
		40001: "No permission to perform the related operation.",
		40002: "Invalid parameters.",
		40100: "Too many requests. Please retry in some time.",
		40102: "Access token is expired.",
		40104: "Access token is null, you should set it in http header with key Access-Token.",
		40105: "Access token is incorrect or has been revoked.",
		40110: "The auth_code is canceled. Please re-authorize and try again with a new auth_code.",
		40132: "The request QPS is limited by pixel_code's value.",
		50000: "System error.",
		51010: "Internal service timed out. Please retry in sometime.",
		60001: "The service is under maintenance.",
	}
	return cmp.Or(texts[code], "Error.")
}
