package main

import (
	"os"
	"path/filepath"
)

// storedToken is where auth login keeps a connection's token: in the user's folder for configuration, "" where there is
// none. TOKRELAY_HOME moves it.
func storedToken(connection string) string {
	home := os.Getenv("TOKRELAY_HOME")
	if home == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		home = filepath.Join(config, "tokrelay")
	}
	return filepath.Join(home, "tokens", connection+".json")
}
