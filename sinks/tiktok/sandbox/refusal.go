package sandbox

import (
	"fmt"
	"strings"
)

// The return codes the simulator gives by itself. Fault injection can give any other.
const (
	codeOK                = 0
	codePartial           = 20001
	codeNoPermission      = 40001
	codeParameter         = 40002
	codeMissing           = 40007
	codeVersion           = 40051
	codeBatchSize         = 40061
	codeNotHashed         = 40062
	codeTooFrequent       = 40100
	codeWrongSecret       = 40101
	codeNoToken           = 40104
	codeBadToken          = 40105
	codeBadAuthCode       = 40110
	codeUnknownApp        = 40113
	codeNotAllowListed    = 40118
	codePixelTooFrequent  = 40132
	codeAdvertiserTooFast = 40133
	codeSignature         = 40900
	codeFileMissing       = 40905
	codeFileEmpty         = 40906
	codeFileTooLarge      = 40907
	codeFileType          = 40908
	codeCalculateType     = 40909
	codeFileExpired       = 40910
	codeFileContent       = 40915
)

// refusal is an answer other than success: a return code and the text that goes with it.
// Texts never repeat a value of the request, except ids of accounts, pixels and audiences.
type refusal struct {
	code    int
	message string
}

func refuse(code int, format string, args ...any) *refusal {
	if len(args) == 0 {
		return &refusal{code, format}
	}
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func missing(fields ...string) *refusal {
	return refuse(codeParameter, "Missing required field(s): %s.", strings.Join(fields, ", "))
}

func notPermitted() *refusal {
	return refuse(codeNoPermission, "No permission to perform the related operation.")
}

// reason is the message without its indices, so that a thousand bad rows count as one reason.
func (r *refusal) reason() string {
	parts := strings.Split(r.message, ".")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}
