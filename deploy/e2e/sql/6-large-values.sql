-- Values kept out of line, then updates that leave them alone: the default identity gives placeholders, the full one does not.
INSERT INTO orders (id, customer_id, total, placed_at, contents, receipt, scan, labels, scores, tokens) VALUES
(4, 5, 10.00, '2026-03-03 10:00:00+00', jsonb_build_object('text', repeat('ab', 1200)), repeat('r', 2400), decode(repeat('0f', 2400), 'hex'), ARRAY[repeat('l', 2400)],
 (SELECT array_agg(n) FROM generate_series(1, 300) n), array_fill('3f0c5fd0-0000-4000-8000-000000000009'::uuid, ARRAY[150]));
UPDATE orders SET status = 'sent' WHERE id = 4;
UPDATE orders SET receipt = 'short now' WHERE id = 4;
UPDATE customers SET notes = repeat('n', 2400) WHERE id = 5;
UPDATE customers SET "firstName" = 'Hedy L' WHERE id = 5;
