package settings

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLS names the certificates of encrypted connections, to the brokers or to the registry. Files are PEM; the client's
// pair is read again for every connection, so that it can be renewed in place.
type TLS struct {
	CAFile             string `yaml:"ca_file" doc:"Certificate authorities that sign the server's certificate; the system's when left out."`
	CertFile           string `yaml:"cert_file" doc:"This client's certificate, for mutual TLS."`
	KeyFile            string `yaml:"key_file" doc:"The certificate's private key."`
	ServerName         string `yaml:"server_name" doc:"Name in the server's certificate, when it is not the host connected to."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"Accept any certificate. A proxy in between reads everything."`
}

// Validate reports what is wrong; there is nothing wrong with none.
func (t *TLS) Validate(at Place) {
	if t == nil {
		return
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		at.Problem("cert_file and key_file belong together", "")
	}
	if t.InsecureSkipVerify {
		at.Key("insecure_skip_verify").Warn("the server's certificate is not checked", "use ca_file instead")
	}
}

// Client makes the client's side of a connection, nil without TLS. It reads every file once, to fail early.
func (t *TLS) Client() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: no certificate in it")
		}
	}
	if t.CertFile == "" {
		return cfg, nil
	}
	if _, err := t.pair(); err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.pair() }
	return cfg, nil
}

func (t *TLS) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read cert_file and key_file: %w", err)
	}
	return &pair, nil
}
