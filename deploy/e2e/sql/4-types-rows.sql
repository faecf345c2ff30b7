-- Rows of every type, written while the connector runs: usual values, then the edges.
INSERT INTO every_type VALUES (
    2, 12, 1234567890123, 4000000000, 1.5, 2.25, 19.99, 12345678901234567890123456789012345678, 0.00123, 12300, 3.14159, 12.34, true,
    'ab', 'varchar', 'plain text', 'Mixed@Example.com', 'a_name', 'ada@example.com', '3f0c5fd0-0000-4000-8000-000000000001',
    '{"b": 1,  "a": [1, 2]}', '{"b": 1, "a": [1, 2]}', '<a>1</a>', 'paid', '2024-02-29', '04:05:06.789012', '04:05:06.789', '04:05:06.789+02',
    '2024-02-29 04:05:06.789012', '2024-02-29 04:05:06', '2024-02-29 04:05:06.789', '2024-02-29 04:05:06.789012+02', '2024-02-29 04:05:06.789+02',
    '1 year 2 mons 3 days 04:05:06.78', B'1', B'000000001011', B'10111', '\x00ff10', '192.0.2.1', '192.0.2.0/24', '08:00:2b:01:02:03',
    '08:00:2b:01:02:03:04:05', '[1,10)', '[1,10)', '[1.5,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 00:00,2024-02-01 00:00)',
    '[2024-01-01 00:00+00,2024-02-01 00:00+00)', '(1.5,2.5)', 'a=>1,b=>NULL', 'shop.cart.item', 'a fat cat',
    '{1,NULL,3}', '{1,2}', '{1,2}', '{1.500,NULL,-2.250}', '{1.5}', '{2.5}', '{true,false,NULL}', '{a,"b c",NULL}', '{a,b}', '{a,b}',
    '{3f0c5fd0-0000-4000-8000-000000000001}', '{"{\"a\": 1}",NULL}', '{2024-02-29}', '{2024-02-29 04:05:06.789012}', '{2024-02-29 04:05:06+00}',
    '{"\\x00ff"}', '{new,paid}', '{192.0.2.1}');
INSERT INTO every_type (id, c_smallint, c_bigint, c_oid, c_real, c_double, c_numeric_12_2, c_numeric_38_0, c_numeric, c_money, c_boolean, c_text,
    c_date, c_time, c_timestamp, c_timestamp_3, c_timestamptz, c_interval, c_bit_1, c_bit_12, c_bytea, a_text, a_int) VALUES
(3, -32768, -9223372036854775808, 0, 'NaN', '-Infinity', -9999999999.99, -1, -0.000000000000000000000000000001, -0.01, false, '',
    'infinity', '00:00:00', 'infinity', 'infinity', 'infinity', '-1 days', B'0', B'111111111111', '', '{}', '{}'),
(4, 32767, 9223372036854775807, 4294967295, '3.4028235e38', 1e-300, 0, 0, 1e40, 92233720368547758.07, NULL, E'line\nbreak \U0001F600 "quoted"',
    '-infinity', '24:00:00', '-infinity', '-infinity', '-infinity', '10000 years', NULL, B'100000000000', '\x00', '{{a,b},{c,d}}', '{NULL}'),
(5, 0, 0, 1, 0, 0, 0.01, 10, 'NaN', 0, true, repeat('x', 300),
    '0044-03-15 BC', '23:59:59.999999', '10000-01-01 00:00:00', '1969-12-31 23:59:59.999', '10000-01-01 00:00:00+00', '00:00:00.000001', B'1', B'000000000000', '\xff', '{""}', '{-1}');
INSERT INTO defaults (id, n_numeric, n_text, n_int, n_double, n_boolean, n_date, n_timestamp, n_timestamp_3, n_timestamptz, n_time, n_uuid, n_jsonb, n_bytea, n_enum, n_array, n_now)
VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
