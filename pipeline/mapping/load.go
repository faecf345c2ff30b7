package mapping

import (
	"slices"
	"strings"
)

// loadColumns are the columns that pipelines add to a row and fill again with each sync, load or rewrite, though the row
// stays as it is. They are no part of a hash over all columns. Names are compared without case, which warehouses fold; a
// star at the end means any rest. The list is closed: docs/decisions has it, and a test keeps the two equal.
// Columns that may be all that tells two rows apart are not in it (_airbyte_data, _sdc_source_key_*, _dlt_parent_id).
var loadColumns = []string{
	"__*", // Debezium's flattened rows, Hevo, Stitch's __sdc_primary_key
	"_ab_cdc_*", "_ab_source_file_last_modified", "_airbyte_ab_id", "_airbyte_emitted_at", "_airbyte_extracted_at", "_airbyte_generation_id",
	"_airbyte_loaded_at", "_airbyte_meta", "_airbyte_normalized_at", "_airbyte_raw_id",
	"_fivetran_*",
	"_sdc_batched_at", "_sdc_deleted_at", "_sdc_extracted_at", "_sdc_lsn", "_sdc_received_at", "_sdc_report_datetime", "_sdc_sequence",
	"_sdc_sync_started_at", "_sdc_table_version", // Singer: Stitch, Meltano
	"_dlt_id", "_dlt_load_id",
	"_change_type", "_commit_timestamp", "_commit_version", // Delta's change data feed
	"_change_sequence_number", "_change_timestamp", "_partitiondate", "_partitiontime", "datastream_metadata", // BigQuery
	"_metadata", "_rescued_data", // Databricks
	"metadata$action", "metadata$isupdate", // Snowflake's streams
	"_meta", "_meta/*", "flow_document", "flow_published_at", // Estuary
	"_peerdb_is_deleted", "_peerdb_synced_at", "_peerdb_version",
	"uuid_ts",                                                                                // Segment and RudderStack
	"_after_image_", "_before_image_", "_execute_time_", "_operation_type_", "_sequence_id_", // DataWorks
	"current_ts", // GoldenGate
}

// isLoad reports whether a column is one of loadColumns.
func isLoad(column string) bool {
	column = strings.ToLower(column)
	return slices.ContainsFunc(loadColumns, func(known string) bool {
		prefix, starred := strings.CutSuffix(known, "*")
		return known == column || starred && strings.HasPrefix(column, prefix)
	})
}

// LooksLikeLoad reports whether a column that is part of a hash over all columns has the name of one that each load may
// change: people add such columns themselves.
func LooksLikeLoad(column string) bool {
	name := strings.ToLower(column)
	words := []string{"synced_at", "loaded_at", "ingested_at", "ingestion_time", "extracted_at"}
	if strings.HasPrefix(name, "_") { // metadata of some kind
		words = []string{"sync", "load", "ingest", "extract", "emitted", "batch", "etl"}
	}
	return !isLoad(name) && slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
}
