package tiktok

// networkTexts say what failed below HTTP, without the words of the error, which may hold addresses and URLs.
var networkTexts = map[string]string{
	"timeout":     "no response in time",
	"reset":       "the connection was reset",
	"refused":     "the connection was refused",
	"dns":         "the host name could not be resolved",
	"certificate": "the server's certificate is not trusted (see ca_file)",
	"tls":         "the TLS handshake broke off",
	"closed":      "the connection was closed before the response was complete",
	"canceled":    "the call was given up by tokrelay",
	"other":       "the call did not go through",
}
