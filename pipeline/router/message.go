package router

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tokrelay/tokrelay/pipeline"
)

type (
	chunkKey    struct{}
	deliveryKey struct{}
)

// newMessage carries a chunk in its context: a payload would mean copying a thousand records. ctx is the context the
// chunk is handled in.
func newMessage(ctx context.Context, c *pipeline.Chunk) *message.Message {
	id := ""
	if len(c.Records) > 0 {
		id = c.Records[0].Position()
	}
	m := message.NewMessage(id, nil)
	m.SetContext(context.WithValue(ctx, chunkKey{}, c))
	return m
}

// ChunkOf is the chunk a message carries. A message of another Subscriber is a chunk of one: its payload is the record's
// value.
func ChunkOf(m *message.Message) *pipeline.Chunk {
	if c, ok := m.Context().Value(chunkKey{}).(*pipeline.Chunk); ok {
		return c
	}
	topic := message.SubscribeTopicFromCtx(m.Context())
	return pipeline.NewChunk([]pipeline.Record{{Topic: topic, Value: m.Payload}})
}

// delivery is what the handler makes of a chunk and the publisher delivers.
type delivery struct {
	sync   *handling
	chunk  *pipeline.Chunk
	worker *worker
}

func deliveryOf(m *message.Message) (*delivery, bool) {
	d, ok := m.Context().Value(deliveryKey{}).(*delivery)
	return d, ok
}
