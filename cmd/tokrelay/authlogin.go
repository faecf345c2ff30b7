package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// defaultRedirect is where TikTok sends the browser after consent. The developer app has to list it, so it is fixed.
const defaultRedirect = "http://127.0.0.1:8765/callback"

// loginFlags are what auth login is asked for.
type loginFlags struct {
	account   accountFlags
	redirect  string
	noBrowser bool
	patience  time.Duration
}

func authLoginCommand() *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use:   "login",
		Short: "Ask the advertiser for consent in a browser, and store the token",
		Long: `Ask the advertiser for consent in a browser, receive TikTok's answer on a loopback address, exchange it for a token, and
store that for this user alone (mode 0600), where run finds it. The redirect address has to be registered in the
developer app.

With --no-browser the address is printed; after consent, paste the address the browser ended up on. That works on
machines without a browser: the page itself may fail to load.`,
		Example: `  tokrelay auth login -c tokrelay.yaml
  tokrelay auth login --connection shop --no-browser
  tokrelay auth login --token-file /run/secrets/tiktok-token`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := openAccount(c, &f.account)
			if err != nil {
				return err
			}
			return a.login(c.Context(), &f)
		},
	}
	f.account.add(c)
	c.Flags().StringVar(&f.redirect, "redirect", defaultRedirect, "redirect URI registered in the developer app")
	c.Flags().BoolVar(&f.noBrowser, "no-browser", false, "print the address, and read the redirect's address from standard input")
	c.Flags().DurationVar(&f.patience, "timeout", 10*time.Minute, "how long to wait for consent")
	return c
}

func (a *account) login(ctx context.Context, f *loginFlags) error {
	app, err := a.app()
	if err != nil {
		return err
	}
	base := a.config.BaseURL
	state := rand.Text()
	ctx, cancel := context.WithTimeout(ctx, f.patience)
	defer cancel()
	ask := consent{address: app.AuthorizeURL(base, f.redirect, state), redirect: f.redirect, state: state}
	get := a.byBrowser
	if f.noBrowser {
		get = a.byPaste
	}
	answer, err := get(ctx, ask)
	if err != nil {
		return err
	}
	code, _ := tiktok.CodeIn(answer)
	if code == "" {
		return errors.New("TikTok's answer has no code: consent was not given, or the app is not approved yet")
	}
	client, err := tiktok.New(a.config, &tiktok.Token{})
	if err != nil {
		return err
	}
	defer client.Close()
	grant, err := client.Exchange(ctx, app, code)
	if err != nil {
		return fmt.Errorf("%w\na code works once and for an hour: run tokrelay auth login again", err)
	}
	return a.keep(grant)
}

// consent is what is asked of the advertiser. The state ties the answer to this login: anyone can send a browser to our
// redirect address with a code of their own.
type consent struct{ address, redirect, state string }

func (q consent) answeredBy(answer url.Values) bool {
	_, state := tiktok.CodeIn(answer)
	return subtle.ConstantTimeCompare([]byte(state), []byte(q.state)) == 1
}

// keep stores the token and says what it is good for.
func (a *account) keep(grant tiktok.Grant) error {
	store := grant.Store
	if a.plain {
		store = func(path string) error { return storeAlone(path, grant.AccessToken.Reveal()) }
	}
	if err := store(a.path); err != nil {
		return err
	}
	a.screen.print("%s\n", a.screen.paint(green, "connected: the token of connection "+a.name+" is stored in "+a.path))
	a.scopes(grant.Scope)
	own := false
	for _, id := range grant.AdvertiserIDs {
		a.screen.say("advertiser", "%s", id)
		own = own || id == a.config.AdvertiserID
	}
	a.warnOfAdvertiser(own)
	if a.config.AccessToken != "" {
		a.screen.note("note: connections.%s.access_token is set and goes first: take it out, so that run uses this token\n", a.name)
	}
	return nil
}

// storeAlone writes a token as access_token_file wants it: for its owner alone, whole or not at all.
func storeAlone(path, token string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	_, err = file.WriteString(token + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store the token: %w", err), os.Remove(file.Name()))
	}
	return nil
}

// byPaste has someone else's browser do it.
func (a *account) byPaste(ctx context.Context, ask consent) (url.Values, error) {
	a.screen.note("Open this address, give consent, and paste the address the browser ends up on:\n\n  %s\n\n", ask.address)
	pasted := make(chan string, 1)
	go func() { // a read of standard input cannot be interrupted; the process ends soon
		line, _ := a.screen.in.ReadString('\n') // an empty line is not an address
		pasted <- strings.TrimSpace(line)
	}()
	select {
	case line := <-pasted:
		u, err := url.Parse(line)
		if err != nil || u.RawQuery == "" {
			return nil, usageError{errors.New("that is not an address with TikTok's answer: paste the whole line, with everything behind the question mark")}
		}
		if !ask.answeredBy(u.Query()) {
			return nil, errors.New("the answer does not belong to this login (its state is another one): nothing was stored; run tokrelay auth login again")
		}
		return u.Query(), nil
	case <-ctx.Done():
		return nil, expired(ctx)
	}
}

func expired(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no consent came in time: run tokrelay auth login again")
	}
	return ctx.Err()
}

// byBrowser opens a browser and waits for TikTok to send it back to us.
func (a *account) byBrowser(ctx context.Context, ask consent) (url.Values, error) {
	back, err := url.Parse(ask.redirect)
	if err != nil || back.Scheme != "http" || back.Port() == "" {
		return nil, usageError{errors.New("--redirect: must be a loopback address with a port, like " + defaultRedirect + "; others work with --no-browser")}
	}
	if ip := net.ParseIP(back.Hostname()); back.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usageError{errors.New("--redirect: must be on this machine's loopback; others work with --no-browser")}
	}
	listener, err := net.Listen("tcp", back.Host)
	if err != nil {
		return nil, fmt.Errorf("wait for TikTok's answer: %w\nanother program has the port: end it, or use --no-browser", err)
	}
	answers := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: receive(back.Path, ask, answers)}
	go server.Serve(listener)
	defer server.Close()
	a.screen.note("Waiting for consent. If no browser opens, open this address:\n\n  %s\n\n", ask.address)
	openBrowser(ask.address)
	select {
	case answer := <-answers:
		finish(server)
		return answer, nil
	case <-ctx.Done():
		return nil, expired(ctx)
	}
}

// finish lets the page reach the browser.
func finish(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx) // a browser that keeps its connection open is not a fault
}

// receive takes the first answer to our question on the redirect's path; others are sent away.
func receive(path string, ask consent, answers chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if !ask.answeredBy(r.URL.Query()) {
			http.Error(w, "This answer does not belong to the login that is waiting (its state is another one).", http.StatusBadRequest)
			return
		}
		select {
		case answers <- r.URL.Query():
			fmt.Fprintln(w, "tokrelay has TikTok's answer. You may close this page and go back to the terminal.")
		default:
			http.Error(w, "tokrelay has an answer already.", http.StatusConflict)
		}
	})
	return mux
}

// openBrowser tries $BROWSER, then what the system has. That none opens is no error: the address is printed.
func openBrowser(address string) {
	command := []string{os.Getenv("BROWSER")}
	switch {
	case command[0] != "":
	case runtime.GOOS == "darwin":
		command = []string{"open"}
	case runtime.GOOS == "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	default:
		command = []string{"xdg-open"}
	}
	browser := exec.Command(command[0], append(command[1:], address)...)
	if browser.Start() == nil {
		go browser.Wait()
	}
}
