package main

import (
	_ "embed"
	"io"
	"strings"
	"time"
)

// exampleRows are rows for the sync purchases of example.yaml: one that is sent, one that is not paid yet, one that is
// rejected, and a delete.
//
//go:embed example.ndjson
var exampleRows string

func printExampleRows(w io.Writer) error {
	at := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339) // TikTok takes no old events
	_, err := io.WriteString(w, strings.ReplaceAll(exampleRows, "AN_HOUR_AGO", at))
	return err
}
