-- What TikTok has to hold of the rows of every type, a line of JSON for each.
SELECT jsonb_strip_nulls(jsonb_build_object(
    'row', event_id, 'c_smallint', c_smallint, 'c_integer', c_integer, 'c_bigint', c_bigint, 'c_oid', c_oid::bigint, 'c_real', c_real, 'c_double', c_double,
    'c_numeric_12_2', c_numeric_12_2, 'c_numeric_38_0', c_numeric_38_0, 'c_numeric_3_5', c_numeric_3_5, 'c_numeric_3_m2', c_numeric_3_m2, 'c_numeric', c_numeric,
    'c_money', c_money::numeric, 'c_boolean', c_boolean, 'c_char', nullif(trim(c_char), ''), 'c_varchar', c_varchar, 'c_text', c_text, 'c_citext', c_citext,
    'c_domain', c_domain, 'c_uuid', c_uuid, 'c_json', CASE WHEN c_json::text <> 'null' THEN c_json -> 'b' END, 'c_jsonb', c_jsonb -> 'b', 'c_xml', c_xml::text,
    'c_enum', c_enum, 'c_date', c_date, 'c_time', short(to_char(c_time, 'HH24:MI:SS.US')), 'c_time_3', short(to_char(c_time_3, 'HH24:MI:SS.US')),
    'c_timetz', short(to_char((c_timetz AT TIME ZONE 'UTC')::time, 'HH24:MI:SS.US')),
    'c_timestamp', moment(c_timestamp), 'c_timestamp_0', moment(c_timestamp_0), 'c_timestamp_3', moment(c_timestamp_3),
    'c_timestamptz', moment(c_timestamptz AT TIME ZONE 'UTC') || 'Z', 'c_timestamptz_3', moment(c_timestamptz_3 AT TIME ZONE 'UTC') || 'Z',
    'c_bit_1', c_bit_1 = B'1', 'c_bytea', encode(c_bytea, 'hex'), 'c_inet', c_inet, 'c_cidr', c_cidr, 'c_macaddr', c_macaddr, 'c_macaddr8', c_macaddr8) ||
  jsonb_build_object(
    'c_int4range', c_int4range, 'c_numrange', c_numrange, 'c_daterange', c_daterange, 'c_ltree', c_ltree, 'c_tsvector', nullif(c_tsvector::text, ''),
    'a_smallint', a_smallint, 'a_int', a_int, 'a_bigint', a_bigint, 'a_numeric', a_numeric, 'a_double', a_double, 'a_boolean', a_boolean,
    'a_text', array_remove(a_text, ''), 'a_varchar', nullif(a_varchar, '{}'), 'a_uuid', nullif(a_uuid, '{}'), 'a_date', a_date,
    'a_timestamptz', (SELECT array_agg(moment(at AT TIME ZONE 'UTC') || 'Z') FROM unnest(a_timestamptz) at), 'a_enum', a_enum))
FROM order_events WHERE email LIKE 'types%';
