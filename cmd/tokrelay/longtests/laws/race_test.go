//go:build race && !synctests

package laws

const race = true
