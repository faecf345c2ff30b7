package tiktok

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"path/filepath"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Part is one text field of an upload.
type Part struct{ Name, Value string }

// Upload sends a file from disk, in the field `file`, with text fields before it. It is streamed: a file of any size
// costs no memory. A file that cannot be read is an answer that says so.
func (c *Client) Upload(ctx context.Context, endpoint string, parts []Part, path string) pipeline.Answer {
	f, err := os.Open(path)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return unreadable(err)
	}
	head, tail, contentType := multipartAround(parts, filepath.Base(path))
	return c.send(ctx, request{
		endpoint: endpoint, contentType: contentType, auth: true,
		stream: io.MultiReader(bytes.NewReader(head), io.LimitReader(f, info.Size()), bytes.NewReader(tail)),
		length: int64(len(head)) + info.Size() + int64(len(tail)),
	})
}

func unreadable(err error) pipeline.Answer {
	return pipeline.Answer{Verdict: pipeline.Broken, Message: fmt.Sprintf("read the file to upload: %v", err)}
}

// multipartAround is what is before and after the file's bytes.
func multipartAround(parts []Part, name string) (head, tail []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		_ = w.WriteField(p.Name, p.Value) // a bytes.Buffer takes everything
	}
	_, _ = w.CreateFormFile("file", name)
	n := b.Len()
	_ = w.Close()
	return b.Bytes()[:n], b.Bytes()[n:], w.FormDataContentType()
}
