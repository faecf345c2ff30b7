package cdc

import (
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Slots of the source block.
const (
	srcConnector = iota
	srcTime
	srcSnapshot
	srcTable
	srcLog
	srcPos
	srcSlots
)

// sourceWants are the fields of the source block that are read, by connector: a field that is not there is absent.
func sourceWants(source *avro.Type) []avro.Want {
	wants := []avro.Want{{Name: "connector", Slot: srcConnector}, {Name: "ts_ms", Slot: srcTime}, {Name: "snapshot", Slot: srcSnapshot}, {Name: "table", Slot: srcTable}}
	for _, name := range []string{"file", "change_lsn", "scn", "gtid"} {
		if _, ok := source.Field(name); ok {
			wants = append(wants, avro.Want{Name: name, Slot: srcLog})
			break
		}
	}
	for _, name := range []string{"lsn", "pos", "event_serial_no"} {
		if _, ok := source.Field(name); ok {
			wants = append(wants, avro.Want{Name: name, Slot: srcPos})
			break
		}
	}
	return wants
}
