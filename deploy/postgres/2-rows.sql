-- Two hundred customers and a thousand events; two of the events are bad, and show up in the rejected topic.
INSERT INTO customers (email, phone, newsletter_opt_in, lapsed)
SELECT 'shopper' || n || '@example.com', '+1213555' || lpad(n::text, 4, '0'), n % 2 = 0, n % 5 = 0
FROM generate_series(1, 200) AS n;

INSERT INTO customer_events (event_name, customer_id, email, phone, page_url, amount, currency, items, occurred_at)
SELECT CASE WHEN n % 3 = 0 THEN 'cart_filled' ELSE 'order_paid' END, c.id, c.email, c.phone,
       'https://shop.example/product/' || n % 20, round((10 + n % 90)::numeric, 2), 'USD',
       jsonb_build_array(jsonb_build_object('content_id', 'sku-' || n % 20, 'price', 10 + n % 90, 'quantity', 1)),
       now() - n * interval '1 minute'
FROM generate_series(1, 998) AS n JOIN customers c ON c.id = 1 + n % 200;

INSERT INTO customer_events (event_name, customer_id, email, page_url, amount, currency) VALUES
    ('order_paid', 1, 'shopper1@example.com', 'https://shop.example/', 19.90, 'XXX'),
    ('order_paid', 2, 'not an address', 'https://shop.example/', 19.90, 'USD');
