-- The tables of an invented shop. Everybody in them is invented too.
CREATE TABLE customers (
    id                bigserial PRIMARY KEY,
    email             text,
    phone             text,
    newsletter_opt_in boolean NOT NULL DEFAULT false,
    lapsed            boolean NOT NULL DEFAULT false,
    updated_at        timestamptz NOT NULL DEFAULT now()
);
-- The whole old row in every change: a person who leaves, or changes an address, is removed by the old one.
ALTER TABLE customers REPLICA IDENTITY FULL;

CREATE TABLE customer_events (
    id          bigserial PRIMARY KEY,
    event_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    event_name  text NOT NULL,
    customer_id bigint REFERENCES customers,
    email       text,
    phone       text,
    page_url    text,
    amount      numeric(12,2),
    currency    char(3),
    items       jsonb,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
