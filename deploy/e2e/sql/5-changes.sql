-- Live changes, one kind after the other. customers has the full replica identity, orders the default one.
INSERT INTO customers (external_id, email, phone, "firstName", opted_in, created_at) VALUES
('3f0c5fd0-0000-4000-8000-000000000005', 'hedy@example.com', '+15550100005', 'Hedy', true, '2026-03-01 10:00:00+00');
UPDATE customers SET email = 'ada@example.com', updated_at = '2026-03-02 10:00:00.123' WHERE id = 1;
UPDATE customers SET opted_in = false WHERE id = 2;
DELETE FROM customers WHERE id = 3;
UPDATE customers SET id = 40 WHERE id = 4;

INSERT INTO orders (id, customer_id, total, placed_at) VALUES (3, 5, 49.99, '2026-03-01 10:05:00+00');
UPDATE orders SET status = 'paid', discount = NULL WHERE id = 3;
UPDATE orders SET id = 30 WHERE id = 3;
DELETE FROM orders WHERE id = 2;

BEGIN;
INSERT INTO customer_events (event_id, event_name, email, value, weight, quantity, occurred_at, updated_at, birth_date, opted_in) VALUES
('7b1e0000-0000-4000-8000-000000000003', 'AddToCart', 'hedy@example.com', -5.00, 0.375, 3, '2026-03-01 10:04:00.123456+05:30', '2026-03-01 10:04:00.5', '1994-11-09', true);
UPDATE members SET number = 3, email = 'grace.hopper@example.com' WHERE list = 'gold' AND number = 2;
COMMIT;
UPDATE customer_events SET email = 'hedy.lamarr@example.com' WHERE id = 3;
DELETE FROM customer_events WHERE id = 1;

UPDATE identity_index SET city = 'Paris' WHERE id = 1;
UPDATE identity_index SET email = 'ada@example.com' WHERE id = 1;
DELETE FROM identity_index WHERE id = 1;
INSERT INTO identity_nothing VALUES (2, 'grace@example.com');
INSERT INTO without_key VALUES ('2026-03-01 10:00:00+00', 'grace@example.com');
UPDATE odd_names SET "e-mail" = 'ada@example.com', "größe" = NULL WHERE id = 1;
DELETE FROM odd_names WHERE id = 1;
SELECT pg_logical_emit_message(true, 'note', 'hello from the shop');
SELECT pg_logical_emit_message(false, 'note', 'outside of a transaction');
