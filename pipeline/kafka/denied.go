package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Denied reports whether the broker refused because this client may not.
func Denied(err error) bool {
	for _, denial := range []error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed} {
		if errors.Is(err, denial) {
			return true
		}
	}
	return false
}

// Lacking adds to an error by which the broker refuses what this client may not do the right that is missing, and on what: Kafka says neither.
// Other errors are returned as they are.
func Lacking(err error, right, on string) error {
	if !Denied(err) {
		return err
	}
	return fmt.Errorf("%w: grant %s on %s", err, right, on)
}

// LackingOn is Lacking for an error of a question about several topics. kadm does not say which of them was denied: each is asked about alone.
func LackingOn(err error, right string, topics []string, ask func(topic string) error) error {
	if !Denied(err) {
		return err
	}
	for _, topic := range topics {
		if len(topics) == 1 || Denied(ask(topic)) {
			return Lacking(err, right, "topic "+topic)
		}
	}
	return err
}
