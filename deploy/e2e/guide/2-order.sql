INSERT INTO orders (email, status, amount) VALUES ('ada.lovelace@example.com', 'new', 129.90);
UPDATE orders SET status = 'paid' WHERE email = 'ada.lovelace@example.com';
