package sandbox

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// maxBody is the largest JSON body the simulator reads.
const maxBody = 10 << 20

// call is one API call on its way through the checks.
type call struct {
	s        *Sandbox
	r        *http.Request
	endpoint endpoint
	now      time.Time
	token    Token
	raw      []byte // the JSON body
	body     document
	parsed   error
	answered Call
	fault    *Fault   // chosen while looking at content
	changes  []change // of a mapping call
	buffer   bytes.Buffer
}

// calls are reused: a parsed batch of 1000 events takes a megabyte.
var calls = sync.Pool{New: func() any { return new(call) }}

// ServeHTTP answers TikTok's API, its authorisation page, and the simulator's own view under /sandbox/.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, known := s.endpoint(r)
	switch {
	case r.URL.Path == "/portal/auth":
		s.portal(w, r)
	case strings.HasPrefix(r.URL.Path, "/open_api/v1.2/"):
		s.write(w, "", refuse(codeVersion, "The API version is not supported. Please use v1.3."), nil)
	case strings.HasPrefix(r.URL.Path, "/sandbox/"):
		s.admin.ServeHTTP(w, r)
	case !known:
		http.NotFound(w, r)
	case r.Method != e.method:
		w.Header().Set("Allow", e.method)
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
	default:
		s.serve(w, r, e)
	}
}

// endpoint finds who answers a request. TikTok takes a GET without its last slash.
func (s *Sandbox) endpoint(r *http.Request) (endpoint, bool) {
	e, known := s.endpoints[r.URL.Path]
	if known || r.Method != http.MethodGet || slices.Contains(s.cfg.Refuse, NoSlash) {
		return e, known
	}
	if e, known = s.endpoints[r.URL.Path+"/"]; known {
		s.journal.warn(NoSlash, 1)
	}
	return e, known
}

// serve runs one API call: the body, faults that strike before it, the answer, faults that strike after it.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	c := calls.Get().(*call)
	defer calls.Put(c)
	c.open(s, r, e)
	s.journal.begin(e.path)
	defer s.journal.end(c)
	tooLarge := c.read(w)
	defer s.watch(c)()
	if f := s.strike(c, BeforeEffect); f != nil && s.act(w, c, *f) {
		return
	}
	data, refusal := any(nil), tooLarge
	if refusal == nil {
		data, refusal = s.answer(c)
	}
	if f := s.after(c, refusal); f != nil && s.act(w, c, *f) {
		return
	}
	c.answer(w, refusal, data)
}

// watch looks out for races between mapping calls until the returned function is called.
func (s *Sandbox) watch(c *call) (end func()) {
	if !c.endpoint.members || c.parsed != nil {
		return func() {}
	}
	body := c.body.root()
	c.changes = changesOf(body)
	conflicts, end := s.races.enter(c.changes, body.str("action") == "delete")
	s.journal.warn(InFlight, conflicts)
	return end
}

func (c *call) open(s *Sandbox, r *http.Request, e endpoint) {
	now := s.now()
	c.s, c.r, c.endpoint, c.now, c.token, c.fault = s, r, e, now, Token{}, nil
	c.raw, c.parsed, c.changes = nil, nil, nil
	c.answered = Call{Time: now, Method: r.Method, Endpoint: e.path, RequestID: s.requestID(now)}
}

// read takes in a JSON body. Bodies of files are read by their endpoint.
func (c *call) read(w http.ResponseWriter) *refusal {
	if c.endpoint.form != formJSON {
		return nil
	}
	c.buffer.Reset()
	n, err := c.buffer.ReadFrom(http.MaxBytesReader(w, c.r.Body, maxBody))
	if err == nil && c.r.Header.Get("Content-Encoding") == "gzip" {
		err = c.unzip()
	}
	c.raw, c.answered.Bytes, c.parsed = c.buffer.Bytes(), n, err
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return refuse(codeParameter, "Request body is too large.")
	}
	if err == nil {
		c.parsed = c.body.parse(c.raw)
	}
	if c.parsed == nil {
		c.answered.Rows = c.rows()
	}
	return nil
}

// unzip replaces a compressed body by what it says, where such bodies are read.
func (c *call) unzip() error {
	if slices.Contains(c.s.cfg.Refuse, Compressed) {
		return errJSON
	}
	c.s.journal.warn(Compressed, 1)
	zipped, err := gzip.NewReader(bytes.NewReader(bytes.Clone(c.buffer.Bytes())))
	if err != nil {
		return err
	}
	c.buffer.Reset()
	n, err := c.buffer.ReadFrom(io.LimitReader(zipped, maxBody+1))
	if n > maxBody {
		return &http.MaxBytesError{Limit: maxBody}
	}
	return err
}

// rows is how many events or users the call carries.
func (c *call) rows() int {
	for _, name := range []string{"data", "batch", "batch_data"} {
		if list, ok := c.body.root().get(name); ok && list.isList() {
			return list.count()
		}
	}
	return 0
}

// answer makes the checks every endpoint has, in TikTok's order, then asks the endpoint.
func (s *Sandbox) answer(c *call) (any, *refusal) {
	if r := c.contentType(); r != nil {
		return nil, r
	}
	if !c.endpoint.open {
		token, r := s.authenticate(c.r.Header.Get("Access-Token"), c.endpoint)
		if r != nil {
			return nil, r
		}
		c.token = token
	}
	if r := s.limited(c.endpoint, c.token, c.now); r != nil {
		return nil, r
	}
	if c.endpoint.form == formJSON {
		if c.parsed != nil || c.body.root().kind() != jsontext.Object {
			return nil, refuse(codeParameter, "Invalid JSON in request body.")
		}
		if r := s.limitedBody(c); r != nil {
			return nil, r
		}
	}
	if c.endpoint.form == formQuery {
		if r := s.limitedAdvertiser(c.r.URL.Query().Get("advertiser_id"), c.now); r != nil {
			return nil, r
		}
	}
	return c.endpoint.answer(s, c)
}

func (c *call) contentType() *refusal {
	want := map[form]string{formJSON: "application/json", formFile: "multipart/form-data"}[c.endpoint.form]
	got, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if want == "" || err == nil && got == want {
		return nil
	}
	return refuse(codeParameter, "Content-Type must be %s.", want)
}

// limitedBody counts a call against the buckets of the pixel and the advertiser its body names.
func (s *Sandbox) limitedBody(c *call) *refusal {
	body := c.body.root()
	for _, name := range []string{"event_source_id", "pixel_code"} {
		if code := body.str(name); code != "" {
			return s.limitedPixel(code, c.now)
		}
	}
	if id := body.str("advertiser_id"); id != "" {
		return s.limitedAdvertiser(id, c.now)
	}
	if ids, ok := body.get("advertiser_ids"); ok {
		for id := range ids.elements {
			return s.limitedAdvertiser(string(id.text()), c.now)
		}
	}
	return nil
}

// drain reads what the endpoint left, so that the client's disconnect is seen while a fault holds the call.
func (c *call) drain() { _, _ = io.Copy(io.Discard, c.r.Body) }
