-- What is there before the connectors start: their snapshots read these.
INSERT INTO customers (email, phone, country, opted_in, lapsed)
SELECT CASE WHEN n % 30 = 0 THEN NULL WHEN n % 4 = 0 THEN '  Person' || n || '@Example.COM ' ELSE 'person' || n - (n % 25 = 24)::int || '@example.com' END,
    CASE WHEN n % 3 = 0 THEN NULL ELSE '+1212555' || lpad(n::text, 4, '0') END,
    'US', n % 5 <> 0, n % 4 <> 0
FROM generate_series(1, 2500) n;
UPDATE customers SET fault = 'no_identifier', opted_in = true WHERE id % 60 = 0;
INSERT INTO customers (email, phone, opted_in, fault) VALUES ('not an address', NULL, true, 'invalid_email'), ('someone@example.org', '12', true, 'invalid_phone');
INSERT INTO subscribers (id, email, phone, country, opted_in, lapsed, fault) SELECT id, email, phone, country, opted_in, lapsed, fault FROM customers;

INSERT INTO orders (id, order_uid, email, status, total, contents, receipt, paid_at, fault)
SELECT n, gen_random_uuid(), 'buyer' || n || '@example.com', CASE WHEN n % 3 = 0 THEN 'paid' ELSE 'new' END::order_status, n * 1.25,
    jsonb_build_array(jsonb_build_object('content_id', 'sku-' || n, 'price', n * 1.25, 'quantity', 1)), repeat('receipt ', 400), now() - interval '1 day', NULL
FROM generate_series(1, 60) n;
INSERT INTO orders_lean SELECT * FROM orders;

INSERT INTO order_events (event_id, event_name, email, quantity, remark)
SELECT gen_random_uuid(), 'ViewContent', 'visitor' || n || '@example.com', n, 'before' FROM generate_series(1, 40) n;
