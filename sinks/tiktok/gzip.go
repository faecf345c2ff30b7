package tiktok

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// What is known of the other side's reading of compressed calls.
const (
	zipUntried = iota
	zipReads
	zipReadsNot // it took a plain call right after it had not read the same one compressed
)

// postZipped sends a call compressed. Nothing promises that TikTok, or what is on the way to it, reads such calls: until one
// was accepted, one that seems unreadable is sent plain once. When that works, `gzip` is at fault and no row.
func (c *Client) postZipped(ctx context.Context, r request) pipeline.Answer {
	a := c.sendZipped(ctx, r)
	switch {
	case a.IsAccepted():
		c.zipped.Store(zipReads)
	case !unread(&a) || c.zipped.Load() == zipReads:
	case c.zipped.Load() == zipReadsNot:
		a.Verdict, a.Scope, a.Field = pipeline.Broken, "", ""
		a.Message = "compressed calls are not read: set gzip: false for the connection: " + a.Message
	default:
		if a = c.send(ctx, r); a.IsAccepted() {
			c.zipped.Store(zipReadsNot)
		}
	}
	return a
}

// unread reports whether an answer may mean that the body was not understood.
func unread(a *pipeline.Answer) bool {
	foreign := a.Code == 0 && (a.HTTPStatus == http.StatusBadRequest || a.HTTPStatus == http.StatusUnsupportedMediaType || a.HTTPStatus == http.StatusUnprocessableEntity)
	return foreign || a.Verdict == pipeline.Refused && strings.Contains(strings.ToLower(a.Message), "json")
}

type zipper struct {
	out bytes.Buffer
	gz  *gzip.Writer
}

func (c *Client) sendZipped(ctx context.Context, r request) pipeline.Answer {
	z, ok := c.zippers.Get().(*zipper)
	if !ok {
		z = &zipper{}
		z.gz, _ = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	}
	defer c.zippers.Put(z)
	z.out.Reset()
	z.gz.Reset(&z.out)
	_, _ = z.gz.Write(r.body) // a bytes.Buffer takes everything
	_ = z.gz.Close()
	r.body, r.encoding = z.out.Bytes(), "gzip"
	return c.send(ctx, r)
}
