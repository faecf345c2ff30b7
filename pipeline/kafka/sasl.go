package kafka

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// SASL holds the credentials of one mechanism. Secrets in files are read again for every connection, so that they can
// be renewed in place.
type SASL struct {
	Mechanism string `yaml:"mechanism" enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER,AWS_MSK_IAM" doc:"How to authenticate."`

	Username     string          `yaml:"username" doc:"PLAIN and SCRAM: user, or API key."`
	Password     settings.Secret `yaml:"password" doc:"PLAIN and SCRAM: password, or API secret."`
	PasswordFile string          `yaml:"password_file" doc:"File that holds the password."`

	Token            settings.Secret `yaml:"token" doc:"OAUTHBEARER: a token that never changes."`
	TokenFile        string          `yaml:"token_file" doc:"OAUTHBEARER: file that holds the current token."`
	TokenURL         string          `yaml:"token_url" doc:"OAUTHBEARER: where to fetch tokens with client credentials."`
	ClientID         string          `yaml:"client_id" doc:"OAUTHBEARER: client id for token_url."`
	ClientSecret     settings.Secret `yaml:"client_secret" doc:"OAUTHBEARER: client secret for token_url."`
	ClientSecretFile string          `yaml:"client_secret_file" doc:"File that holds the client secret."`
	Scope            string          `yaml:"scope" doc:"OAUTHBEARER: scopes to ask token_url for, separated by spaces."`
	Extensions       Extensions      `yaml:"extensions" doc:"OAUTHBEARER: SASL extensions, such as logicalCluster and identityPoolId."`

	AccessKey        settings.Secret `yaml:"access_key" doc:"AWS_MSK_IAM: access key id."`
	SecretKey        settings.Secret `yaml:"secret_key" doc:"AWS_MSK_IAM: secret access key."`
	SecretKeyFile    string          `yaml:"secret_key_file" doc:"File that holds the secret access key."`
	SessionToken     settings.Secret `yaml:"session_token" doc:"AWS_MSK_IAM: session token of temporary credentials."`
	SessionTokenFile string          `yaml:"session_token_file" doc:"File that holds the session token."`
}

// Extensions are what is sent next to a token. Their values print as [redacted]: what an issuer puts there may be secret.
type Extensions map[string]string

// EncodeYAML names the extensions.
func (e Extensions) EncodeYAML() any {
	shown := map[string]settings.Secret{}
	for name, value := range e {
		shown[name] = settings.Secret(value)
	}
	return shown
}

// Format prints no field, for Config's reason.
func (s SASL) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sasl [redacted]") }

const (
	mechanismPlain    = "PLAIN"
	mechanismScram256 = "SCRAM-SHA-256"
	mechanismScram512 = "SCRAM-SHA-512"
	mechanismOAuth    = "OAUTHBEARER"
	mechanismAWS      = "AWS_MSK_IAM"
)

func (s *SASL) validate(at settings.Place, encrypted bool) {
	switch s.Mechanism {
	case mechanismPlain, mechanismScram256, mechanismScram512:
		required(at.Key("username"), s.Username != "")
		oneSecret(at, "password", s.Password, s.PasswordFile)
	case mechanismOAuth:
		s.validateOAuth(at)
	case mechanismAWS:
		required(at.Key("access_key"), s.AccessKey != "")
		oneSecret(at, "secret_key", s.SecretKey, s.SecretKeyFile)
	default:
		oneOf(at.Key("mechanism"), s.Mechanism, mechanismPlain, mechanismScram256, mechanismScram512, mechanismOAuth, mechanismAWS)
	}
	if !encrypted && s.Mechanism != mechanismScram256 && s.Mechanism != mechanismScram512 {
		at.Key("mechanism").Warn("the credentials travel unencrypted", "set kafka.tls")
	}
}

func (s *SASL) validateOAuth(at settings.Place) {
	ways := 0
	for _, given := range []bool{s.Token != "", s.TokenFile != "", s.TokenURL != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		at.Problem("needs exactly one of token, token_file and token_url", "")
	}
	if s.TokenURL == "" {
		return
	}
	if u, err := url.Parse(s.TokenURL); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		at.Key("token_url").Problem("must be an http(s) URL", "")
	}
	required(at.Key("client_id"), s.ClientID != "")
	oneSecret(at, "client_secret", s.ClientSecret, s.ClientSecretFile)
}

func required(at settings.Place, given bool) {
	if !given {
		at.Problem("required", "sasl.mechanism needs it")
	}
}

func oneSecret(at settings.Place, key string, inline settings.Secret, file string) {
	if (inline == "") == (file == "") {
		at.Key(key).Problem("needs exactly one of "+key+" and "+key+"_file", "")
	}
}

// mechanism builds what franz-go asks for credentials at every new connection.
func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case mechanismPlain:
		return plain.Plain(s.plain), nil
	case mechanismScram256:
		return scram.Sha256(s.scram), nil
	case mechanismScram512:
		return scram.Sha512(s.scram), nil
	case mechanismOAuth:
		return oauth.Oauth(s.oauth()), nil
	case mechanismAWS:
		return aws.ManagedStreamingIAM(s.aws), nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism: unknown")
}

func (s *SASL) plain(context.Context) (plain.Auth, error) {
	password, err := reveal(s.Password, s.PasswordFile)
	return plain.Auth{User: s.Username, Pass: password}, err
}

func (s *SASL) scram(context.Context) (scram.Auth, error) {
	password, err := reveal(s.Password, s.PasswordFile)
	return scram.Auth{User: s.Username, Pass: password}, err
}

func (s *SASL) aws(context.Context) (aws.Auth, error) {
	secret, err := reveal(s.SecretKey, s.SecretKeyFile)
	if err != nil {
		return aws.Auth{}, err
	}
	token, err := reveal(s.SessionToken, s.SessionTokenFile)
	return aws.Auth{AccessKey: s.AccessKey.Reveal(), SecretKey: secret, SessionToken: token}, err
}

func (s *SASL) oauth() func(context.Context) (oauth.Auth, error) {
	return func(ctx context.Context) (oauth.Auth, error) {
		token, err := s.bearer(ctx)
		return oauth.Auth{Token: token, Extensions: s.Extensions}, err
	}
}

// bearer fetches or reads the token again for every connection: connections live long, tokens do not.
func (s *SASL) bearer(ctx context.Context) (string, error) {
	if s.TokenURL == "" {
		return reveal(s.Token, s.TokenFile)
	}
	secret, err := reveal(s.ClientSecret, s.ClientSecretFile)
	if err != nil {
		return "", err
	}
	cc := clientcredentials.Config{ClientID: s.ClientID, ClientSecret: secret, TokenURL: s.TokenURL, Scopes: strings.Fields(s.Scope)}
	token, err := cc.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("fetch token from kafka.sasl.token_url: %w", withoutBody(err))
	}
	return token.AccessToken, nil
}

// withoutBody keeps the code of a refusal: oauth2's own text quotes the whole answer, and net/http's the address with its
// parameters.
func withoutBody(err error) error {
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("status %d %s", refusal.Response.StatusCode, refusal.ErrorCode)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func reveal(inline settings.Secret, file string) (string, error) {
	if file == "" {
		return inline.Reveal(), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read secret of kafka.sasl: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
