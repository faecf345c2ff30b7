-- What is there before a connector starts: its snapshot reads these.
INSERT INTO customers (external_id, email, phone, "firstName", country, opted_in, birth_date, created_at, updated_at, notes) VALUES
('3f0c5fd0-0000-4000-8000-000000000001', 'Ada.Lovelace@example.com', '+15550100001', 'Ada', 'GB', true, '1990-12-10', '2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05.678', 'first'),
('3f0c5fd0-0000-4000-8000-000000000002', 'grace@example.com', '+15550100002', 'Grace', 'US', true, '1986-12-09', '2026-01-03 00:00:00+02', NULL, NULL),
('3f0c5fd0-0000-4000-8000-000000000003', NULL, '+15550100003', NULL, NULL, false, NULL, '2026-01-04 10:00:00+00', NULL, NULL),
('3f0c5fd0-0000-4000-8000-000000000004', 'zoë@example.com', NULL, 'Zoë', 'DE', true, '2001-02-28', '2026-01-05 10:00:00+00', NULL, NULL);

INSERT INTO orders (id, customer_id, status, total, discount, currency, contents, placed_at, expires_at) VALUES
(1, 1, 'paid', 129.90, 10.00, 'GBP', '[{"content_id": "sku-1", "price": 64.95, "quantity": 2}]', '2026-02-01 09:00:00+00', '2026-03-01 00:00:00'),
(2, 2, 'new', 0, NULL, 'USD', NULL, '2026-02-02 09:00:00+00', NULL);

INSERT INTO customer_events (event_id, event_name, email, phone, value, occurred_at, created_at, contents, tags) VALUES
('7b1e0000-0000-4000-8000-000000000001', 'ViewContent', 'ada.lovelace@example.com', NULL, NULL, '2026-02-01 08:55:00+00', '2026-02-01 08:55:00.000001', NULL, NULL),
('7b1e0000-0000-4000-8000-000000000002', 'CompletePayment', 'ada.lovelace@example.com', '+15550100001', 119.90, '2026-02-01 09:00:00.5+00', '2026-02-01 09:00:00.123456', '[{"content_id": "sku-1"}]', '{new,"two words",NULL}');

INSERT INTO members VALUES ('gold', 1, 'ada.lovelace@example.com'), ('gold', 2, 'grace@example.com');
INSERT INTO identity_index VALUES (1, 'ada.lovelace@example.com', 'London');
INSERT INTO identity_nothing VALUES (1, 'ada.lovelace@example.com');
INSERT INTO without_key VALUES ('2026-02-01 08:55:00+00', 'ada.lovelace@example.com');
INSERT INTO odd_names VALUES (1, 'ada.lovelace@example.com', '2026-02-01', 'M', 'Lovelace', 'Ada');
INSERT INTO every_type (id) VALUES (1);
INSERT INTO defaults (id) VALUES (1);
INSERT INTO reshaped VALUES (1, 'one', 'two', 'three');
