package daemon

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is the admin address's, read again when its files change: certificates are renewed every few weeks, and nothing
// restarts for it.
type certificate struct {
	of  AdminTLS
	log *slog.Logger

	mu   sync.Mutex
	read [2]time.Time // when the files that were read last had been written
	pair *tls.Certificate
}

// get has the form of tls.Config.GetCertificate. Files that do not fit together yet, because they are being renewed, or cannot
// be read leave the certificate as it was.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	written, err := [2]time.Time{}, error(nil)
	for i, file := range []string{c.of.CertFile, c.of.KeyFile} {
		info, wrong := os.Stat(file)
		if wrong != nil {
			err = wrong
			continue
		}
		written[i] = info.ModTime()
	}
	if err == nil && written == c.read {
		return c.pair, nil
	}
	pair, wrong := tls.LoadX509KeyPair(c.of.CertFile, c.of.KeyFile)
	switch {
	case wrong == nil:
		c.pair, c.read = &pair, written
	case c.pair == nil:
		return nil, fmt.Errorf("read the certificate of admin.tls: %w", wrong)
	case written != c.read:
		c.read = written
		c.log.Error("the admin address goes on with its old certificate: the new one cannot be read", "error", wrong)
	}
	return c.pair, nil
}
