CREATE TABLE orders (
    id         bigserial PRIMARY KEY,
    email      text,
    status     text NOT NULL,
    amount     numeric(12,2),
    currency   text NOT NULL DEFAULT 'EUR',
    paid_at    timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE orders REPLICA IDENTITY FULL; -- the old row comes with every change

CREATE TABLE customers (
    id         bigserial PRIMARY KEY,
    email      text,
    newsletter boolean NOT NULL
);

INSERT INTO customers (email, newsletter) VALUES ('Ada.Lovelace@example.com', true), ('grace@example.com', false);
