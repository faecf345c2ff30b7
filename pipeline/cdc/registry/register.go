package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/twmb/franz-go/pkg/sr"
)

// ErrNoRegistry says that the configuration names no registry.
var ErrNoRegistry = errors.New("no schema registry is configured")

// Refused says that the registry does not take a schema of ours, and does not have it either.
type Refused struct {
	Subject string
	Status  int
	Text    string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("the schema registry does not take the schema of subject %s: status %d: %s", e.Subject, e.Status, e.Text)
}

// Register has the registry keep a schema of ours under a subject, and returns the schema's id. It may be called again. The error is
// ErrNoRegistry, a *Refused, the context's or a *pipeline.Trouble.
func (r *Registry) Register(ctx context.Context, subject, schema string) (id int, err error) {
	if r.client == nil {
		return 0, ErrNoRegistry
	}
	path := "/subjects/" + url.PathEscape(subject)
	id, err = r.client.post(ctx, subject, path+"/versions", schema)
	refused, no := errors.AsType[*Refused](err)
	if !no {
		return id, err
	}
	if id, err = r.client.post(ctx, subject, path, schema); err == nil { // someone else has registered it
		return id, nil
	}
	if _, no := errors.AsType[*Refused](err); no {
		return 0, refused
	}
	return 0, err
}

func (c *client) post(ctx context.Context, subject, path, schema string) (int, error) {
	var answer struct {
		ID int `json:"id"`
	}
	err := c.sr.Do(ctx, http.MethodPost, path, map[string]string{"schema": schema}, &answer)
	if no, ok := errors.AsType[*sr.ResponseError](err); ok && no.StatusCode < 500 && no.StatusCode != http.StatusTooManyRequests && no.StatusCode != http.StatusRequestTimeout {
		return 0, &Refused{Subject: subject, Status: no.StatusCode, Text: no.Error()}
	}
	_, err = c.meaning(ctx, "subject "+subject, err)
	return answer.ID, err
}
