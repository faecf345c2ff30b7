package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
)

const source = "shop.public.orders"

// standIns plays Kafka with the records in it, the registry, and a TikTok that takes everything, until it is killed.
func standIns(records int) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(8, source))
	if err != nil {
		return err
	}
	registry := srfake.New()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a := addresses{Broker: cluster.ListenAddrs()[0], Registry: registry.URL(), TikTok: "http://" + listener.Addr().String(), Records: records}
	if err := demo.LoadOrders(a.Broker, registry, source, records, 0); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	return http.Serve(listener, http.HandlerFunc(takeEverything))
}

func takeEverything(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"code":0,"message":"OK","request_id":"20261122100000000000000000000001","data":{}}`)
}
