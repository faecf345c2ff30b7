package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/check"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

func authCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "auth",
		Short: "Connect a TikTok business account: get, look at and revoke its access token",
		Long: `Audiences need a token of a business account, which its administrator grants in a browser; events may use it too, or the
pixel's own token from Events Manager. The connection needs app_id and secret of your developer app.`,
		Example: "  tokrelay auth login -c tokrelay.yaml\n  tokrelay auth status\n  tokrelay auth revoke",
	}, authLoginCommand(), authStatusCommand(), authRevokeCommand())
}

// accountFlags say which connection is meant, and where its token is.
type accountFlags struct{ config, connection, tokenFile string }

func (f *accountFlags) add(c *cobra.Command) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.connection, "connection", "", "connection of the configuration; may be left out when there is one")
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "file for the token alone, as access_token_file names it; default: the user's folder for configuration")
}

// account is a connection at work.
type account struct {
	screen *screen
	name   string
	config tiktok.Config
	path   string // of the token; plain reports whether that file has nothing else
	plain  bool
}

func openAccount(c *cobra.Command, f *accountFlags) (*account, error) {
	config, err := loadConfig(c, f.config)
	if err != nil {
		return nil, err
	}
	a := &account{screen: newScreen(c), name: f.connection}
	if a.name, err = pickConnection(config, f.connection); err != nil {
		return nil, err
	}
	a.config = config.Connections[a.name]
	switch {
	case f.tokenFile != "":
		a.path, a.plain = f.tokenFile, true
	case a.config.AccessTokenFile != "":
		a.path, a.plain = a.config.AccessTokenFile, true
	default:
		a.path = storedToken(a.name)
	}
	if a.path == "" {
		return nil, errors.New("this user has no folder for configuration: set TOKRELAY_HOME, or give --token-file")
	}
	return a, nil
}

func pickConnection(c *daemon.Config, name string) (string, error) {
	all := connectionNames(c)
	switch {
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return "", usageError{fmt.Errorf("--connection: the configuration has %d: %s", len(all), strings.Join(all, ", "))}
	case !slices.Contains(all, name):
		return "", usageError{fmt.Errorf("--connection: there is no %q: %s", name, cmp.Or(settings.DidYouMean(name, all), "the configuration has "+strings.Join(all, ", ")))}
	}
	return name, nil
}

func connectionNames(c *daemon.Config) []string { return slices.Sorted(maps.Keys(c.Connections)) }

// app is the developer app of the connection.
func (a *account) app() (tiktok.App, error) {
	secret := a.config.Secret
	if a.config.SecretFile != "" {
		text, err := os.ReadFile(a.config.SecretFile)
		if err != nil {
			return tiktok.App{}, fmt.Errorf("read secret_file: %w", err)
		}
		secret = settings.Secret(strings.TrimSpace(string(text)))
	}
	if a.config.AppID == "" || secret == "" {
		return tiktok.App{}, usageError{fmt.Errorf("connections.%s needs app_id and secret (or secret_file) of your developer app\nregister one at TikTok for Business, with %s among its redirect URIs", a.name, defaultRedirect)}
	}
	return tiktok.App{ID: a.config.AppID, Secret: secret}, nil
}

// token is the one run uses: that of the configuration, else the stored one, and where it is.
func (a *account) token() (token *tiktok.Token, where string) {
	switch {
	case a.config.AccessToken != "" && !a.plain:
		return tiktok.FixedToken(a.config.AccessToken), "connections." + a.name + ".access_token"
	case a.plain:
		return tiktok.FileToken(a.path), a.path
	}
	return tiktok.StoredToken(a.path), a.path
}

func (a *account) client() (*tiktok.Client, error) {
	token, _ := a.token()
	return tiktok.New(a.config, token)
}

func authStatusCommand() *cobra.Command {
	var f accountFlags
	c := &cobra.Command{
		Use: "status", Short: "Say where the token is, whether TikTok takes it, and what it may do", Args: noArgs,
		Example: "  tokrelay auth status\n  tokrelay auth status --connection shop",
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := openAccount(c, &f)
			if err != nil {
				return err
			}
			return a.status(c.Context())
		},
	}
	f.add(c)
	return c
}

func (a *account) status(ctx context.Context) error {
	token, where := a.token()
	if _, err := token.Read(); err != nil {
		return fmt.Errorf("connection %s: %w", a.name, err)
	}
	a.screen.print("%s\n", a.screen.paint(bold, "connection "+a.name))
	a.screen.say("token", "in %s", where)
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer := client.UserInfo(ctx)
	switch answer.Verdict {
	case pipeline.Accepted, pipeline.Warned:
		a.screen.say("TikTok", "%s", a.screen.paint(green, "takes it"))
	case pipeline.Denied:
		a.screen.say("TikTok", "%s: %s (%s)", a.screen.paint(red, "refuses it"), answer.Message, answer.CodeText())
		return errors.New("TikTok refuses the token: run tokrelay auth login, or replace the token in the configuration")
	default:
		return tiktok.Check("ask TikTok about the token", answer)
	}
	if grant, err := tiktok.LoadGrant(a.path); err == nil && where == a.path {
		a.scopes(grant.Scope)
	}
	return a.advertisers(ctx, client)
}

// scopes says what a grant allows.
func (a *account) scopes(granted []int64) {
	for _, p := range check.Permissions {
		if p.GrantedIn(granted) {
			a.screen.say("may", "%s", p.May)
		} else {
			a.screen.say("may not", "%s", a.screen.paint(yellow, p.May+": "+p.Needs+" will not work"))
		}
	}
}

// advertisers lists the accounts the token reaches, where the connection knows its app.
func (a *account) advertisers(ctx context.Context, client *tiktok.Client) error {
	app, err := a.app()
	if err != nil {
		a.screen.say("advertisers", "not asked for: app_id and secret are not set")
		return nil
	}
	list, err := client.Advertisers(ctx, app)
	if err != nil {
		return err
	}
	own := false
	for _, one := range list {
		mark := ""
		if one.ID == a.config.AdvertiserID {
			own, mark = true, " (the connection's)"
		}
		a.screen.say("advertiser", "%s %s%s", one.ID, one.Name, mark)
	}
	a.warnOfAdvertiser(own)
	return nil
}

// warnOfAdvertiser warns where the token does not reach the connection's own advertiser.
func (a *account) warnOfAdvertiser(reached bool) {
	if !reached && a.config.AdvertiserID != "" {
		a.screen.say("", "%s", a.screen.paint(yellow, "the connection's advertiser "+a.config.AdvertiserID+" is not among them: audiences will not work"))
	}
}

func authRevokeCommand() *cobra.Command {
	var f accountFlags
	var yes bool
	c := &cobra.Command{
		Use: "revoke", Short: "Make the stored token useless at TikTok, and delete it here", Args: noArgs,
		Example: "  tokrelay auth revoke\n  tokrelay auth revoke --connection shop --yes",
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := openAccount(c, &f)
			if err != nil {
				return err
			}
			return a.revoke(c.Context(), yes)
		},
	}
	f.add(c)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *account) revoke(ctx context.Context, yes bool) error {
	app, err := a.app()
	if err != nil {
		return err
	}
	token, where := a.token()
	if _, err := token.Read(); err != nil {
		return fmt.Errorf("connection %s: %w", a.name, err)
	}
	if err := a.screen.confirm(fmt.Sprintf("Revoke the token in %s? Every program that uses it stops.", where), yes); err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Revoke(ctx, app); err != nil {
		return err
	}
	if where == a.path {
		if err := os.Remove(a.path); err != nil {
			return fmt.Errorf("the token is revoked; delete its file: %w", err)
		}
	}
	a.screen.print("revoked: TikTok no longer takes the token of connection %s\n", a.name)
	return nil
}

// storedToken is where auth login keeps a connection's token: in the user's folder for configuration, "" where there is
// none. TOKRELAY_HOME moves it.
func storedToken(connection string) string {
	home := os.Getenv("TOKRELAY_HOME")
	if home == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		home = filepath.Join(config, "tokrelay")
	}
	return filepath.Join(home, "tokens", connection+".json")
}
