package tiktok

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Token is where the access token comes from. The zero value has none. It is safe for concurrent use.
type Token struct {
	fixed string
	path  string
	parse func([]byte) (string, error)

	mu    sync.Mutex
	stamp stamp
	value string
}

// stamp identifies one version of a file.
type stamp struct {
	modified time.Time
	size     int64
}

// FixedToken is a token that never changes. Space around it is not part of it: `echo` leaves a newline in many a secret.
func FixedToken(s settings.Secret) *Token { return &Token{fixed: strings.TrimSpace(s.Reveal())} }

// FileToken is a token alone in a file, read again whenever the file changes.
func FileToken(path string) *Token { return &Token{path: path, parse: plainToken} }

// StoredToken is the token that `tokrelay auth login` wrote, read again whenever the file changes.
func StoredToken(path string) *Token { return &Token{path: path, parse: grantToken} }

// TokenOf is the connection's token; stored is where `auth login` would have put one, "" if nowhere.
func TokenOf(c Config, stored string) *Token {
	switch {
	case c.AccessToken != "":
		return FixedToken(c.AccessToken)
	case c.AccessTokenFile != "":
		return FileToken(c.AccessTokenFile)
	case stored != "":
		return StoredToken(stored)
	}
	return &Token{}
}

var errNoToken = errors.New("no access token: set access_token or access_token_file, or run tokrelay auth login")

// Read is the token as it is now. Its errors hold nothing of it.
func (t *Token) Read() (string, error) {
	if t.path == "" && t.fixed == "" {
		return "", errNoToken
	}
	if t.path == "" {
		return t.fixed, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read()
}

func (t *Token) read() (string, error) {
	now, err := stampOf(t.path)
	if err == nil && now == t.stamp && t.value != "" {
		return t.value, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", errNoToken
	}
	text, err := os.ReadFile(t.path)
	if err != nil {
		return "", fmt.Errorf("read access token: %w", err)
	}
	value, err := t.parse(text)
	if err != nil {
		return "", fmt.Errorf("read access token: %w", err)
	}
	t.value, t.stamp = value, now
	return value, nil
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// Watch calls changed whenever the token's file changes, within a second, until ctx ends. A token that cannot change
// needs no watching: Watch returns at once.
func (t *Token) Watch(ctx context.Context, changed func()) {
	if t.path == "" {
		return
	}
	last, _ := stampOf(t.path)
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			now, err := stampOf(t.path)
			if err == nil && now != last {
				last = now
				changed()
			}
		}
	}
}

func plainToken(text []byte) (string, error) {
	token := string(bytes.TrimSpace(text))
	if token == "" || !isToken(token) {
		return "", errors.New("the file must hold the token alone")
	}
	return token, nil
}

// isToken reports whether a text can be sent as a header: letters, digits and signs, without a space between.
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func grantToken(text []byte) (string, error) {
	g, err := parseGrant(text)
	return g.AccessToken.Reveal(), err
}
