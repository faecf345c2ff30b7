package cdc

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
func sourceWants(source *typ) []want {
	wants := []want{{"connector", srcConnector}, {"ts_ms", srcTime}, {"snapshot", srcSnapshot}, {"table", srcTable}}
	for _, name := range []string{"file", "change_lsn", "scn", "gtid"} {
		if _, ok := source.field(name); ok {
			wants = append(wants, want{name, srcLog})
			break
		}
	}
	for _, name := range []string{"lsn", "pos", "event_serial_no"} {
		if _, ok := source.field(name); ok {
			wants = append(wants, want{name, srcPos})
			break
		}
	}
	return wants
}
