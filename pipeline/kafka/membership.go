package kafka

import (
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrPutOut says that its group does not know a member any more: it has to give all up and begin again.
var ErrPutOut = errors.New("the group has put this member out: it may have been frozen, or cut off from Kafka")

// Membership is a member's id since it joined. franz-go joins again under another id when the group does not know the member any
// more, and keeps the partitions if it is given them again, without a word: another instance may have had them in between. So
// nothing is committed under another id, and the member begins again. It is safe for concurrent use.
type Membership struct {
	mu sync.Mutex
	id string
}

// Joined notes the id; call it for each assignment. ErrPutOut says that the member had another id before.
func (m *Membership) Joined(client *kgo.Client) error {
	id, _ := client.GroupMetadata()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id == "" {
		m.id = id
	}
	if id != m.id {
		return ErrPutOut
	}
	return nil
}

// Lost forgets the id. Call it once all partitions are given up.
func (m *Membership) Lost() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = ""
}

// Check is the error of a request under that id.
func (m *Membership) Check(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id != m.id {
		return ErrPutOut
	}
	return nil
}
