package daemon

import (
	"net"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Admin is where the page, the metrics and the probes are served.
type Admin struct {
	Listen       string    `yaml:"listen" default:"127.0.0.1:8080" doc:"Address of the page, /metrics, /livez and /readyz. Beyond loopback it demands credentials."`
	TLS          *AdminTLS `yaml:"tls" doc:"Serve HTTPS."`
	Username     string    `yaml:"username" doc:"Name of the operator who logs in with password_file."`
	PasswordFile string    `yaml:"password_file" doc:"Its password, read again when it changes."`
	TokenFile    string    `yaml:"token_file" doc:"Bearer token of the operator called token, read again when it changes."`
	Open         bool      `yaml:"open" doc:"Serve beyond loopback without credentials: behind a proxy that has its own."`
	Users        []User    `yaml:"users" doc:"More credentials, each with a name, so that what is done says who did it."`
	Actions      bool      `yaml:"actions" doc:"Let the page do things: replay rejected rows, pause and resume syncs. Never for viewers."`
	Profiling    bool      `yaml:"profiling" doc:"Serve /debug/pprof on loopback addresses. A profile may hold personal data."`
}

// AdminTLS is the certificate of the admin address.
type AdminTLS struct {
	CertFile string `yaml:"cert_file" doc:"PEM file, read again when it changes."`
	KeyFile  string `yaml:"key_file" doc:"PEM file, read again when it changes."`
}

// User is one more credential of the admin address.
type User struct {
	Name         string `yaml:"name" doc:"Name of who uses it: logs and orders name it."`
	Role         string `yaml:"role" enum:"viewer,operator" doc:"viewer, unless it says otherwise: reads the page and metrics; operator: uses the page's actions too."`
	PasswordFile string `yaml:"password_file" doc:"File with the password that goes with the name (basic authentication, or the login form), read again when it changes."`
	TokenFile    string `yaml:"token_file" doc:"File with a bearer token instead, read again when it changes."`
}

// Validate reports an address that must not be served.
func (a *Admin) Validate(at settings.Place) {
	host, _, err := net.SplitHostPort(a.Listen)
	if err != nil {
		at.Key("listen").Problem("must be host:port", "127.0.0.1:8080")
		return
	}
	if !loopback(host) && !a.Open && !a.demands() {
		at.Key("listen").Problem("needs credentials beyond loopback", "set username and password_file, token_file, or users, or open: true behind a proxy with its own")
	}
	if a.PasswordFile != "" && a.Username == "" {
		at.Key("username").Problem("required with password_file", "")
	}
	a.validateUsers(at)
	if a.Profiling && !loopback(host) {
		at.Key("profiling").Problem("must not be served beyond loopback", "a profile may hold personal data")
	}
	if a.TLS != nil && (a.TLS.CertFile == "" || a.TLS.KeyFile == "") {
		at.Key("tls").Problem("needs cert_file and key_file", "")
	}
}

func (a *Admin) validateUsers(at settings.Place) {
	seen := map[string]bool{}
	for _, c := range a.credentials()[:len(a.credentials())-len(a.Users)] {
		seen[c.name] = true
	}
	for i, u := range a.Users {
		at := at.Key("users").Index(i)
		switch {
		case u.Name == "":
			at.Key("name").Problem("required", "logs and orders name who did what")
		case seen[u.Name]:
			at.Key("name").Problem("is taken", "each credential has a name of its own")
		}
		if (u.PasswordFile == "") == (u.TokenFile == "") {
			at.Problem("needs password_file or token_file, and only one of them", "")
		}
		seen[u.Name] = true
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
