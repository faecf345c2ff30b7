-- Three tables are read again in between live changes; then two are emptied at once, and go on.
INSERT INTO signals SELECT 'again', 'execute-snapshot',
    format('{"data-collections": ["%s.customers", "%1$s.orders", "%1$s.order_events"], "type": "incremental"}', current_schema());
UPDATE customers SET opted_in = NOT opted_in WHERE id % 20 = 9 AND fault IS NULL AND (email IS NOT NULL OR phone IS NOT NULL);
DELETE FROM customers WHERE id % 100 = 15;
INSERT INTO order_events (event_id, event_name, email, quantity) SELECT gen_random_uuid(), 'ViewContent', 'meanwhile' || n || '@example.com', 1 FROM generate_series(1, 60) n;
