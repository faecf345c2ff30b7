package tiktok

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Store writes a grant where StoredToken reads it, for its owner alone. The file appears whole or not at all.
func (g Grant) Store(path string) error {
	text, err := json.MarshalIndent(grant{g.AccessToken.Reveal(), g.AdvertiserIDs, g.Scope}, "", "  ")
	if err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	return writeWhole(path, append(text, '\n'))
}

func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store the token: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// LoadGrant reads what Store wrote. Its errors hold nothing of the token.
func LoadGrant(path string) (Grant, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Grant{}, fmt.Errorf("read the stored token: %w", err)
	}
	return parseGrant(text)
}

func parseGrant(text []byte) (Grant, error) {
	var g grant
	if json.Unmarshal(text, &g) != nil || g.AccessToken == "" {
		return Grant{}, errors.New("the stored token cannot be read: run tokrelay auth login again")
	}
	return Grant{settings.Secret(g.AccessToken), g.AdvertiserIDs, g.Scope}, nil
}
