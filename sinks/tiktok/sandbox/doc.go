// Package sandbox is a strict simulator of TikTok's API for Business.
package sandbox
