package audience

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Documents are the small things that instances remember together; *state.Store.
type Documents interface {
	// Refresh returns when everything that any instance had written when it was called is visible here.
	Refresh(ctx context.Context) error
	Get(key string) ([]byte, bool)
	// Keys are the keys of documents that begin with prefix, sorted.
	Keys(prefix string) []string
	// Put returns nil once the document is acknowledged; nil removes it.
	Put(ctx context.Context, key string, document []byte) error
}

// Bound reads what the document of a key says, if the configuration still allows it: want is what it wants. The error is a
// *pipeline.Trouble.
func Bound(ctx context.Context, docs Documents, sync, key string, want Binding) (b Binding, err error) {
	if err := docs.Refresh(ctx); err != nil {
		return b, stateTrouble(err)
	}
	document, _ := docs.Get(key)
	if b, err = ParseBinding(document); err != nil {
		return b, stateTrouble(err)
	}
	if trouble := b.allows(sync, want); trouble != nil {
		return b, trouble
	}
	return b, nil
}

// Remember writes a binding. The error is a *pipeline.Trouble.
func Remember(ctx context.Context, docs Documents, key string, b Binding) error {
	if err := docs.Put(ctx, key, b.Document()); err != nil {
		return stateTrouble(err)
	}
	return nil
}

func stateTrouble(err error) error {
	return &pipeline.Trouble{Kind: pipeline.TroubleState, What: err.Error()}
}

// Resync writes that everything a sync remembers is out of date, so that every member is sent again; mode is how it fills
// its audience from now on. With recreate it may go on with another audience. No instance of the sync may be running.
func Resync(ctx context.Context, docs Documents, sync, mode string, recreate bool) error {
	if err := docs.Refresh(ctx); err != nil {
		return fmt.Errorf("resync %s: %w", sync, err)
	}
	document, _ := docs.Get(Key(sync, ""))
	b, err := ParseBinding(document)
	if err != nil && !recreate {
		return fmt.Errorf("resync %s: %w", sync, err)
	}
	err = docs.Put(ctx, Key(sync, ""), b.resync(mode, recreate).Document())
	if _, remembered := docs.Get(MembersKey(sync)); err == nil && remembered {
		err = docs.Put(ctx, MembersKey(sync), nil)
	}
	for _, key := range docs.Keys(Key(sync, "") + "/") { // those that rows have named
		if err == nil && recreate {
			err = docs.Put(ctx, key, nil)
		}
	}
	if err != nil {
		return fmt.Errorf("resync %s: %w", sync, err)
	}
	return nil
}
