INSERT INTO orders (email, status, amount, currency) VALUES ('grace@example.com', 'paid', 10, 'euros');
