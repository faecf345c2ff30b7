package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// loop is a consumer with nothing around it: no router, no retries, no dead letters, no metrics. It fetches, has each
// record made an event of its body, posts a thousand events a call and commits.
type loop struct {
	event func(body []byte, r *kgo.Record) ([]byte, error)
	post  string
	body  []byte
	rows  int
}

func fetchAndPost(ctx context.Context, a addresses, event func([]byte, *kgo.Record) ([]byte, error)) (int, error) {
	l := &loop{event: event, post: a.TikTok + "/open_api/v1.3/event/track/"}
	total, err := fetchAll(ctx, a, benchTopic, l.row)
	if err == nil {
		err = l.flush()
	}
	return total, err
}

// fetchAll reads all of a topic, and commits.
func fetchAll(ctx context.Context, a addresses, topic string, take func(r *kgo.Record) error) (int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(a.Broker), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(fmt.Sprintf("loop-%d", time.Now().UnixNano())),
		kgo.DisableAutoCommit(), kgo.FetchMaxWait(250*time.Millisecond))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	total := 0
	for total < a.Records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return total, err
		}
		for it := fetches.RecordIter(); !it.Done(); total++ {
			if err := take(it.Next()); err != nil {
				return total, err
			}
		}
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			return total, err
		}
	}
	return total, nil
}

const head = `{"event_source":"web","event_source_id":"CTESTPIXELCODE000000","data":[`

func (l *loop) row(r *kgo.Record) (err error) {
	if len(l.body) == 0 {
		l.body = append(l.body, head...)
	}
	if l.rows > 0 {
		l.body = append(l.body, ',')
	}
	if l.body, err = l.event(l.body, r); err != nil {
		return err
	}
	if l.rows++; l.rows == 1000 {
		return l.flush()
	}
	return nil
}

func (l *loop) flush() error {
	if l.rows == 0 {
		return nil
	}
	err := l.call(append(l.body, "]}"...))
	l.body, l.rows = l.body[:0], 0
	return err
}

func (l *loop) call(body []byte) error {
	request, err := http.NewRequest("POST", l.post, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Access-Token", benchToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Contains(answer, []byte(`"code":0`)) {
		err = errors.New("the sink refused the loop's batch")
	}
	return err
}
