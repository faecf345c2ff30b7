package cdc

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// Identity is what tells a record's row from the others of its topic: the record's key without its framing. The framing
// changes when the key's schema is registered again, and the row is the same. It is a part of the key, in place; a key whose
// framing is not recognised is taken as it is.
func (f Framing) Identity(r *pipeline.Record) []byte {
	if len(r.Key) == 0 {
		return r.Key
	}
	switch r.Key[0] {
	case magicNumber, magicGUID, magicSingleObject:
		fr := frame{of: f.forRecord(r.Topic, true), key: true, payload: r.Key, headers: r.Headers}
		if id, body, err := fr.read(); err == nil && len(body) > 0 && (id.Kind == registry.GUIDID || id.N != 0) {
			return body
		}
	case magicGlue:
		if of := f.forRecord(r.Topic, true); isAuto(of.Style) && isGlue(r.Key) {
			return r.Key[glueHead:]
		}
	case '{':
		return connectPayload(r.Key)
	}
	return r.Key
}

func isAuto(style string) bool { return style == "" || style == styleAuto }

// glueHead is what AWS Glue writes before a row: 0x03, how the rest is compressed, and a UUID.
const glueHead = 18

func isGlue(key []byte) bool { return len(key) > glueHead && (key[1] == 0x00 || key[1] == 0x05) }

// connectPayload is the payload of a key that Connect's JsonConverter wrote with its schema; of another key in JSON, all.
func connectPayload(key []byte) []byte {
	w := jsontext.Walk(key)
	if !w.Next() || string(w.Name) != "schema" || jsontext.First(w.Value) != '{' || !w.Next() || string(w.Name) != "payload" {
		return key
	}
	payload := bytes.TrimSpace(w.Value)
	if w.Next() || w.Bad {
		return key
	}
	return payload
}
