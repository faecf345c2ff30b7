-- Changes of the tables between changes of their rows.
INSERT INTO order_events (event_id, event_name, email, quantity, remark) VALUES (gen_random_uuid(), 'Purchase', 'shape0@example.com', 1, 'as before');
ALTER TABLE order_events ADD COLUMN channel text, ADD COLUMN score numeric(5,2) DEFAULT 1.25;
INSERT INTO order_events (event_id, event_name, email, quantity, channel) VALUES (gen_random_uuid(), 'Purchase', 'shape1@example.com', 1, 'web');
ALTER TABLE order_events RENAME COLUMN channel TO medium;
INSERT INTO order_events (event_id, event_name, email, quantity, medium) VALUES (gen_random_uuid(), 'Purchase', 'shape2@example.com', 1, 'web');
ALTER TABLE order_events ALTER COLUMN quantity TYPE bigint;
INSERT INTO order_events (event_id, event_name, email, quantity, medium) VALUES (gen_random_uuid(), 'Purchase', 'shape3@example.com', 5000000000, 'app');
ALTER TABLE order_events DROP COLUMN remark, ADD COLUMN remark_2 text; -- the mapping names remark, and may do without
INSERT INTO order_events (event_id, event_name, email, quantity, remark_2) VALUES (gen_random_uuid(), 'Purchase', 'shape4@example.com', 1, 'new');
ALTER TABLE customers ADD COLUMN born date;
INSERT INTO customers (email, opted_in, lapsed, born) VALUES ('born@example.com', true, true, '1990-01-01');
UPDATE customers SET opted_in = NOT opted_in WHERE id % 20 = 8 AND fault IS NULL AND (email IS NOT NULL OR phone IS NOT NULL);
