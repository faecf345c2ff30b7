-- The tables of an invented shop. Everybody in them is invented too.
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS ltree;

CREATE TYPE event_name AS ENUM ('AddToCart', 'CompletePayment', 'ViewContent');
CREATE TYPE order_status AS ENUM ('new', 'paid', 'sent', 'returned');
CREATE DOMAIN email_address AS text CHECK (VALUE LIKE '%@%');

-- People, with the whole old row in every change: what an audience sync needs.
CREATE TABLE customers (
    id          bigserial PRIMARY KEY,
    external_id uuid NOT NULL,
    email       citext,
    phone       text,
    "firstName" text,
    country     text DEFAULT 'US',
    opted_in    boolean NOT NULL DEFAULT false,
    birth_date  date,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamp(3),
    notes       text
);
ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE customers ALTER COLUMN notes SET STORAGE EXTERNAL;

-- The default replica identity: an old row is its key, and a large value left alone is a placeholder.
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    status      order_status NOT NULL DEFAULT 'new',
    total       numeric(12,2) NOT NULL DEFAULT 0,
    discount    numeric(12,2) DEFAULT 0,
    currency    char(3) NOT NULL DEFAULT 'USD',
    contents    jsonb,
    receipt     text,
    scan        bytea,
    labels      text[],
    scores      bigint[],
    tokens      uuid[],
    placed_at   timestamptz NOT NULL,
    expires_at  timestamp
);
ALTER TABLE orders ALTER COLUMN contents SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN receipt SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN scan SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN labels SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN scores SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN tokens SET STORAGE EXTERNAL;

-- Events: rows that are only added.
CREATE TABLE customer_events (
    id          bigserial PRIMARY KEY,
    event_id    uuid NOT NULL,
    event_name  event_name NOT NULL,
    email       text,
    phone       text,
    currency    char(3) NOT NULL DEFAULT 'USD',
    country     text DEFAULT 'US',
    value       numeric(12,2),
    discount    numeric(12,2) NOT NULL DEFAULT 0,
    weight      numeric,
    quantity    smallint NOT NULL DEFAULT 1,
    occurred_at timestamptz NOT NULL,
    created_at  timestamp NOT NULL DEFAULT now(),
    updated_at  timestamp(3),
    birth_date  date,
    contents    jsonb,
    tags        text[],
    opted_in    boolean NOT NULL DEFAULT false
);

-- A key of two columns, which changes.
CREATE TABLE members (
    list   text NOT NULL,
    number int NOT NULL,
    email  text,
    PRIMARY KEY (list, number)
);

CREATE TABLE identity_index (
    id    bigint PRIMARY KEY,
    email text NOT NULL,
    city  text
);
CREATE UNIQUE INDEX identity_index_email ON identity_index (email);
ALTER TABLE identity_index REPLICA IDENTITY USING INDEX identity_index_email;

CREATE TABLE identity_nothing (
    id    bigint PRIMARY KEY,
    email text
);
ALTER TABLE identity_nothing REPLICA IDENTITY NOTHING;

CREATE TABLE without_key (
    seen_at timestamptz NOT NULL,
    email   text
);

-- Column names that Avro does not allow.
CREATE TABLE odd_names (
    id           bigint PRIMARY KEY,
    "e-mail"     text,
    "1st_order"  date,
    "größe"      text,
    "Last.Name"  text,
    first_name   text
);

-- Loses its first column and gets a new last one later.
CREATE TABLE reshaped (
    id     bigint PRIMARY KEY,
    first  text,
    second text,
    third  text
);

-- The table through which an incremental snapshot is asked for.
CREATE TABLE signals (
    id   text PRIMARY KEY,
    type text NOT NULL,
    data text
);
