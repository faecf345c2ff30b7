//go:build race && !synctests

package lawtest

const race = true
