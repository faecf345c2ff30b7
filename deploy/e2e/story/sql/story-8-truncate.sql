-- Emptied at once: no rows in the topics, and what was sent stays sent.
TRUNCATE order_events, orders_lean;
INSERT INTO order_events (event_id, event_name, email, quantity) VALUES (gen_random_uuid(), 'Purchase', 'after@example.com', 1);
INSERT INTO orders_lean (id, order_uid, email, status, total, paid_at) VALUES (9000, gen_random_uuid(), 'after@example.com', 'paid', 10, now());
