-- An invented shop, as the story begins. The schema "<story>_truth" beside it is SQL's own ledger, kept by triggers: what
-- has happened and what is wrong with it, also for rows that are gone in the end. No connector reads it.
CREATE TYPE order_status AS ENUM ('new', 'paid', 'sent', 'returned');
CREATE TYPE event_name AS ENUM ('AddToCart', 'Purchase', 'ViewContent');
CREATE DOMAIN email_address AS text CHECK (VALUE LIKE '%@%');

-- People, with the whole old row in every change. "fault" says why a row has to be rejected.
CREATE TABLE customers (
    id         bigserial PRIMARY KEY,
    email      citext,
    phone      text,
    country    text,
    opted_in   boolean NOT NULL DEFAULT false,
    lapsed     boolean NOT NULL DEFAULT false,
    notes      text,
    fault      text
);
ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE customers ALTER COLUMN notes SET STORAGE EXTERNAL;

-- The same with the default replica identity: an old row is its key alone.
CREATE TABLE subscribers (LIKE customers INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING STORAGE);

-- Orders, which live: an event when one is paid.
CREATE TABLE orders (
    id        bigint PRIMARY KEY,
    order_uid uuid NOT NULL,
    email     email_address,
    status    order_status NOT NULL DEFAULT 'new',
    total     numeric(12,2) NOT NULL DEFAULT 0,
    currency  char(3) NOT NULL DEFAULT 'EUR',
    contents  jsonb,
    receipt   text,
    paid_at   timestamptz,
    fault     text
);
ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE orders ALTER COLUMN receipt SET STORAGE EXTERNAL, ALTER COLUMN contents SET STORAGE EXTERNAL;
CREATE TABLE orders_lean (LIKE orders INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING STORAGE);

-- Events of orders: rows that are only added, with a column of every type.
CREATE TABLE order_events (
    id              bigserial PRIMARY KEY,
    event_id        uuid NOT NULL,
    event_name      event_name NOT NULL,
    email           text,
    happened_at     timestamptz NOT NULL DEFAULT now(),
    fault           text,
    quantity        smallint,
    remark          varchar(80),
    c_smallint      smallint,
    c_integer       integer,
    c_bigint        bigint,
    c_oid           oid,
    c_real          real,
    c_double        double precision,
    c_numeric_12_2  numeric(12,2),
    c_numeric_38_0  numeric(38,0),
    c_numeric_3_5   numeric(3,5),
    c_numeric_3_m2  numeric(3,-2),
    c_numeric       numeric,
    c_money         money,
    c_boolean       boolean,
    c_char          char(5),
    c_varchar       varchar(40),
    c_text          text,
    c_citext        citext,
    c_domain        email_address,
    c_uuid          uuid,
    c_json          json,
    c_jsonb         jsonb,
    c_xml           xml,
    c_enum          order_status,
    c_date          date,
    c_time          time,
    c_time_3        time(3),
    c_timetz        timetz,
    c_timestamp     timestamp,
    c_timestamp_0   timestamp(0),
    c_timestamp_3   timestamp(3),
    c_timestamptz   timestamptz,
    c_timestamptz_3 timestamptz(3),
    c_interval      interval,
    c_bit_1         bit(1),
    c_bit_12        bit(12),
    c_varbit        varbit(20),
    c_bytea         bytea,
    c_inet          inet,
    c_cidr          cidr,
    c_macaddr       macaddr,
    c_macaddr8      macaddr8,
    c_int4range     int4range,
    c_numrange      numrange,
    c_daterange     daterange,
    c_tsrange       tsrange,
    c_tstzrange     tstzrange,
    c_point         point,
    c_hstore        hstore,
    c_ltree         ltree,
    c_tsvector      tsvector,
    a_smallint      smallint[],
    a_int           int[],
    a_bigint        bigint[],
    a_numeric       numeric(8,3)[],
    a_double        double precision[],
    a_boolean       boolean[],
    a_text          text[],
    a_varchar       varchar(9)[],
    a_uuid          uuid[],
    a_date          date[],
    a_timestamptz   timestamptz[],
    a_bytea         bytea[],
    a_enum          order_status[]
);

-- The table through which an incremental snapshot is asked for.
CREATE TABLE signals (id text PRIMARY KEY, type text NOT NULL, data text);
