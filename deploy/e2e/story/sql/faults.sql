-- The tables under the faults. Rows that have to be rejected say so themselves, and why.
CREATE TABLE events (
    id          bigserial PRIMARY KEY,
    part        int NOT NULL,
    event_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    event_name  text NOT NULL,
    email       text NOT NULL,
    value       numeric(12,2),
    currency    text NOT NULL DEFAULT 'USD',
    notes       text,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    fault       text
);

-- The default replica identity: old rows are not in the topic, tokrelay has to remember.
CREATE TABLE people (
    id       bigint PRIMARY KEY,
    email    text NOT NULL,
    opted_in boolean NOT NULL
);

-- A day of the shop. Events happen; people join, some of them sharing an address, change it, leave, come back, are deleted.
CREATE FUNCTION day(part int, size int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (part, event_name, email, value, currency, fault)
    SELECT part, CASE WHEN n % 3 = 0 THEN 'Purchase' ELSE 'AddToCart' END, 'visitor' || n || '@example.com',
        CASE WHEN n % 89 = 0 THEN -1 ELSE n * 0.01 END, CASE WHEN n % 97 = 0 THEN 'XXQ' ELSE 'EUR' END,
        CASE WHEN n % 97 = 0 THEN 'invalid_currency' WHEN n % 89 = 0 THEN 'negative_number' END
    FROM generate_series(1, size) n;

    INSERT INTO people
    SELECT n, 'person' || CASE WHEN n % 25 = 0 THEN n - 1 ELSE n END || '@example.com', n % 8 <> 0
    FROM generate_series(part * 200, part * 200 + 399) n ON CONFLICT DO NOTHING;
    UPDATE people SET email = 'moved' || part || '.' || id || '@example.com' WHERE id % 10 = part % 10;
    UPDATE people SET opted_in = NOT opted_in WHERE id % 7 = part % 7;
    DELETE FROM people WHERE id % 13 = part % 13;
$$;
