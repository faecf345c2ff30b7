package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// authorizer puts credentials on a request. Its errors are told to a person: they hold no secret.
type authorizer func(*http.Request) error

// authorizer makes the one the configuration asks for. web is for OAuth's token endpoint.
func (c Config) authorizer(web *http.Client) authorizer {
	switch {
	case c.Basic != nil:
		return c.Basic.put
	case c.Bearer != nil:
		return c.Bearer.put
	case c.OAuth != nil:
		return c.OAuth.authorizer(web)
	}
	if user := c.userInURL(); user != nil {
		return func(r *http.Request) error {
			password, _ := user.Password()
			r.SetBasicAuth(user.Username(), password)
			return nil
		}
	}
	return func(*http.Request) error { return nil }
}

// userInURL is the first user in an address.
func (c Config) userInURL() *url.Userinfo {
	for _, address := range c.URL {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			return u.User
		}
	}
	return nil
}

// plainURLs are the addresses without users: what holds no secret can be printed.
func (c Config) plainURLs() []string {
	var plain []string
	for _, address := range c.URL {
		if u, err := url.Parse(address); err == nil {
			u.User = nil
			address = u.String()
		}
		plain = append(plain, strings.TrimRight(address, "/"))
	}
	return plain
}

func (b *BasicAuth) put(r *http.Request) error {
	password, err := secretOr(b.Password, b.PasswordFile)
	r.SetBasicAuth(b.Username, password)
	return err
}

func (b *BearerAuth) put(r *http.Request) error {
	token, err := secretOr(b.Token, b.TokenFile)
	r.Header.Set("Authorization", "Bearer "+token)
	return err
}

// secretOr reads the file if there is one.
func secretOr(secret settings.Secret, file string) (string, error) {
	if file == "" {
		return secret.Reveal(), nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the credentials: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

func (o *OAuth) authorizer(web *http.Client) authorizer {
	tokens := oauth2.ReuseTokenSource(nil, &oauthSource{of: o, web: web})
	return func(r *http.Request) error {
		token, err := tokens.Token()
		if err != nil {
			return err
		}
		token.SetAuthHeader(r)
		setIfAny(r.Header, "target-sr-cluster", o.LogicalCluster)
		setIfAny(r.Header, "Confluent-Identity-Pool-Id", o.IdentityPoolID)
		return nil
	}
}

func setIfAny(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// oauthSource gets a new token, with the secret as it is now.
type oauthSource struct {
	of  *OAuth
	web *http.Client
}

func (s *oauthSource) Token() (*oauth2.Token, error) {
	secret, err := secretOr(s.of.ClientSecret, s.of.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	credentials := clientcredentials.Config{
		ClientID: s.of.ClientID, ClientSecret: secret, TokenURL: s.of.TokenURL, Scopes: s.of.Scopes,
	}
	// The web client has a time limit of its own.
	return credentials.Token(context.WithValue(context.Background(), oauth2.HTTPClient, s.web))
}
