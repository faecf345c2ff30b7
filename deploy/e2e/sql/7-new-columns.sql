-- Changes of the table itself between changes of rows.
ALTER TABLE customer_events ADD COLUMN channel text;
ALTER TABLE customer_events ADD COLUMN score numeric(5,2) DEFAULT 1.25;
INSERT INTO customer_events (event_id, event_name, email, occurred_at, channel) VALUES
('7b1e0000-0000-4000-8000-000000000004', 'ViewContent', 'ada@example.com', '2026-03-04 10:00:00+00', 'web');
ALTER TABLE customer_events RENAME COLUMN email TO email_address;
INSERT INTO customer_events (event_id, event_name, email_address, occurred_at, channel, score) VALUES
('7b1e0000-0000-4000-8000-000000000005', 'ViewContent', 'ada@example.com', '2026-03-04 10:01:00+00', 'app', NULL);
ALTER TABLE customer_events DROP COLUMN phone;
ALTER TABLE customer_events ALTER COLUMN quantity TYPE bigint;
INSERT INTO customer_events (event_id, event_name, email_address, occurred_at) VALUES
('7b1e0000-0000-4000-8000-000000000006', 'CompletePayment', 'grace@example.com', '2026-03-04 10:02:00+00');
INSERT INTO reshaped VALUES (2, 'one', 'two', 'three');
ALTER TABLE reshaped DROP COLUMN first, ADD COLUMN fourth text;
INSERT INTO reshaped (id, second, third, fourth) VALUES (3, 'two', 'three', 'four');
