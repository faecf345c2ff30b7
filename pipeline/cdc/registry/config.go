package registry

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says where writer schemas come from: a registry with Confluent's interface (Confluent, Apicurio,
// Karapace, Redpanda), a folder of schema files, or both, the folder first.
type Config struct {
	URL    URLs   `yaml:"url" doc:"address of the registry, path kept (Apicurio: http://host:8080/apis/ccompat/v7); several are tried in turn"`
	Folder string `yaml:"folder" doc:"folder of *.avsc files, each named by its schema's id (42.avsc) or GUID, or found by full name or fingerprint"`

	Basic   *BasicAuth                 `yaml:"basic" doc:"user name and password"`
	Bearer  *BearerAuth                `yaml:"bearer" doc:"a token, fixed or from a file"`
	OAuth   *OAuth                     `yaml:"oauth" doc:"OAuth 2 client credentials"`
	TLS     *settings.TLS              `yaml:"tls" doc:"certificates for https"`
	Headers map[string]settings.Secret `yaml:"headers" doc:"more headers for every request, for gateways"`

	Timeout      settings.Duration `yaml:"timeout" default:"10s" doc:"time for one request"`
	MissingRetry settings.Duration `yaml:"missing_retry" default:"30s" doc:"how long a schema id the registry does not know is asked for again before its rows are rejected; 0s asks once"`
	CacheSize    int               `yaml:"cache_size" default:"1000" doc:"writer schemas kept in memory"`
}

// URLs is one address, several with commas between, or a list.
type URLs []string

// BasicAuth is a user and password, which may be in the URL too.
type BasicAuth struct {
	Username     string          `yaml:"username"`
	Password     settings.Secret `yaml:"password"`
	PasswordFile string          `yaml:"password_file" doc:"read for every request"`
}

// BearerAuth is a token.
type BearerAuth struct {
	Token     settings.Secret `yaml:"token"`
	TokenFile string          `yaml:"token_file" doc:"read for every request, so that it can be renewed in place"`
}

// OAuth gets its tokens with client credentials. The last two are headers that Confluent Cloud asks for.
type OAuth struct {
	TokenURL         string          `yaml:"token_url" doc:"the issuer's token endpoint"`
	ClientID         string          `yaml:"client_id"`
	ClientSecret     settings.Secret `yaml:"client_secret"`
	ClientSecretFile string          `yaml:"client_secret_file" doc:"read for every new token"`
	Scopes           []string        `yaml:"scopes"`
	LogicalCluster   string          `yaml:"logical_cluster" doc:"Confluent Cloud: the registry's lsrc-… id, sent as target-sr-cluster"`
	IdentityPoolID   string          `yaml:"identity_pool_id" doc:"Confluent Cloud: sent as Confluent-Identity-Pool-Id"`
}

// DecodeNode takes one text or a list.
func (u *URLs) DecodeNode(n *settings.Node, at settings.Place) {
	var list []string
	if n.Kind() == settings.List {
		n.Decode(&list, at)
	} else {
		var one string
		n.Decode(&one, at)
		list = strings.Split(one, ",")
	}
	for _, address := range list {
		if address = strings.TrimSpace(address); address != "" {
			*u = append(*u, address)
		}
	}
}

// JSONSchema describes the setting for editors.
func (URLs) JSONSchema() map[string]any {
	return map[string]any{"type": []string{"string", "array"}, "items": map[string]any{"type": "string"}}
}

// Validate reports what cannot work.
func (c *Config) Validate(at settings.Place) {
	for i, address := range c.URL {
		where := at.Key("url")
		if len(c.URL) > 1 {
			where = where.Index(i)
		}
		validateURL(address, where)
	}
	if len(slices.DeleteFunc([]bool{c.Basic != nil, c.Bearer != nil, c.OAuth != nil}, isFalse)) > 1 {
		at.Problem("only one of basic, bearer and oauth can be used", "")
	}
	c.Basic.validate(at.Key("basic"))
	c.Bearer.validate(at.Key("bearer"))
	c.OAuth.validate(at.Key("oauth"))
	c.TLS.Validate(at.Key("tls"))
	if c.Timeout.Std() < 100*time.Millisecond {
		at.Key("timeout").Problem("must be at least 100ms", "no registry answers sooner")
	}
	if c.CacheSize < 1 {
		at.Key("cache_size").Problem("must be at least 1", "leave it out for the default")
	}
}

func isFalse(b bool) bool { return !b }

func validateURL(address string, at settings.Place) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		at.Problem("must be an http:// or https:// address", "")
		return
	}
	if u.RawQuery != "" || u.Fragment != "" {
		at.Problem("must have no ? and no #", "a path is fine")
	}
	if _, has := u.User.Password(); has {
		at.Warn("a password is written into the address", "use basic.password_file, or ${VAR}")
	}
}

func (b *BasicAuth) validate(at settings.Place) {
	if b == nil {
		return
	}
	required(b.Username, at.Key("username"))
	oneOfTwo(b.Password.Reveal(), b.PasswordFile, at, "password")
}

func (b *BearerAuth) validate(at settings.Place) {
	if b != nil {
		oneOfTwo(b.Token.Reveal(), b.TokenFile, at, "token")
	}
}

func (o *OAuth) validate(at settings.Place) {
	if o == nil {
		return
	}
	if required(o.TokenURL, at.Key("token_url")) {
		validateURL(o.TokenURL, at.Key("token_url"))
	}
	required(o.ClientID, at.Key("client_id"))
	oneOfTwo(o.ClientSecret.Reveal(), o.ClientSecretFile, at, "client_secret")
}

func required(value string, at settings.Place) bool {
	if value == "" {
		at.Problem("required", "the keys next to it need it")
	}
	return value != ""
}

func oneOfTwo(value, file string, at settings.Place, key string) {
	if (value == "") == (file == "") {
		at.Key(key).Problem("required, or "+key+"_file, and not both", "")
	}
}
