-- Live changes, one kind after the other.
-- People join, leave, come back, move, get a number, share an address, are deleted, change their key.
INSERT INTO customers (email, opted_in, lapsed) SELECT 'late' || n || '@example.com', true, true FROM generate_series(1, 40) n;
INSERT INTO subscribers (id, email, opted_in, lapsed) SELECT id, email, opted_in, lapsed FROM customers WHERE email LIKE 'late%';
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['customers', 'subscribers'] LOOP
        EXECUTE format('UPDATE %I SET email = ''moved'' || id || ''@example.com'' WHERE id %% 10 = 1 AND fault IS NULL', t);
        EXECUTE format('UPDATE %I SET opted_in = NOT opted_in WHERE id %% 10 = 2 AND fault IS NULL AND (email IS NOT NULL OR phone IS NOT NULL)', t);
        EXECUTE format('UPDATE %I SET opted_in = NOT opted_in WHERE id %% 20 = 2 AND fault IS NULL AND (email IS NOT NULL OR phone IS NOT NULL)', t);
        EXECUTE format('UPDATE %I SET phone = ''+1212556'' || lpad(id::text, 4, ''0'') WHERE id %% 10 = 3 AND fault IS NULL', t);
        EXECUTE format('UPDATE %I SET phone = NULL WHERE id %% 20 = 3 AND email IS NOT NULL AND fault IS NULL', t);
        EXECUTE format('DELETE FROM %I WHERE id %% 10 = 4', t);
        EXECUTE format('UPDATE %I SET id = id + 100000 WHERE id %% 50 = 6', t);
        EXECUTE format('UPDATE %I SET email = ''found@example.com'', fault = NULL WHERE fault = ''invalid_email''', t);
        -- Large values kept out of line, then a change that leaves them alone.
        EXECUTE format('UPDATE %I SET notes = repeat(''n'', 5000) WHERE id %% 40 = 7', t);
        EXECUTE format('UPDATE %I SET opted_in = NOT opted_in WHERE id %% 40 = 7 AND (email IS NOT NULL OR phone IS NOT NULL)', t);
    END LOOP;
END $$;

-- Orders are placed, paid, sent, returned; some change their key, some are deleted, some are wrong.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['orders', 'orders_lean'] LOOP
        EXECUTE format('INSERT INTO %I (id, order_uid, email, status, total, currency, paid_at, fault)
            SELECT n, gen_random_uuid(), ''late'' || n || ''@example.com'', CASE WHEN n %% 2 = 0 THEN ''paid'' ELSE ''new'' END::order_status, n,
                CASE WHEN n %% 10 = 0 THEN ''XXQ'' ELSE ''USD'' END, now(), CASE WHEN n %% 10 = 0 THEN ''invalid_currency'' END
            FROM generate_series(101, 160) n', t);
        EXECUTE format('UPDATE %I SET status = ''paid'' WHERE id %% 5 = 1 AND status = ''new''', t);
        EXECUTE format('UPDATE %I SET status = ''sent'' WHERE id %% 15 = 1', t);
        EXECUTE format('UPDATE %I SET id = id + 1000 WHERE id %% 7 = 2', t);
        EXECUTE format('DELETE FROM %I WHERE id %% 9 = 3', t);
        EXECUTE format('UPDATE %I SET total = -1, status = ''paid'', fault = ''negative_number'' WHERE id = 13', t);
        EXECUTE format('UPDATE %I SET paid_at = NULL, status = ''paid'', fault = ''invalid_event_time'' WHERE id = 14', t);
    END LOOP;
END $$;

INSERT INTO order_events (event_id, event_name, email, quantity, remark, happened_at, fault) VALUES
(gen_random_uuid(), 'Purchase', NULL, 1, 'nobody', now(), 'no_identifier'),
(gen_random_uuid(), 'Purchase', 'old@example.com', 1, 'too old', now() - interval '40 days', 'event_too_old'),
(gen_random_uuid(), 'Purchase', 'early@example.com', 1, 'in the future', now() + interval '2 days', 'event_in_future'),
(gen_random_uuid(), 'Purchase', 'infinite@example.com', 1, 'never', 'infinity', 'invalid_event_time'),
(gen_random_uuid(), 'Purchase', 'good@example.com', 1, 'good', now(), NULL);
UPDATE order_events SET remark = 'changed' WHERE remark = 'good';
DELETE FROM order_events WHERE id % 6 = 0 AND email NOT LIKE 'types%';
