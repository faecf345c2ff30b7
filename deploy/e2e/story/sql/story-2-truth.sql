-- SQL's own ledger of what has happened: :truth is its schema.
DROP SCHEMA IF EXISTS :truth CASCADE;
CREATE SCHEMA :truth;
CREATE TABLE :truth.paid (shop_table text, id bigint, order_uid uuid, fault text);
CREATE TABLE :truth.happened (id bigint, event_id uuid, fault text);
CREATE TABLE :truth.wrong (shop_table text, id bigint, fault text);

CREATE FUNCTION :truth.order_is_paid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'paid' AND (TG_OP = 'INSERT' OR OLD.status <> 'paid') THEN
        EXECUTE format('INSERT INTO %I.paid VALUES ($1, $2, $3, $4)', TG_ARGV[0]) USING TG_TABLE_NAME, NEW.id, NEW.order_uid, NEW.fault;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER paid AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION :truth.order_is_paid(:truth);
CREATE TRIGGER paid AFTER INSERT OR UPDATE ON orders_lean FOR EACH ROW EXECUTE FUNCTION :truth.order_is_paid(:truth);

CREATE FUNCTION :truth.event_happened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.happened VALUES ($1, $2, $3)', TG_ARGV[0]) USING NEW.id, NEW.event_id, NEW.fault;
    RETURN NULL;
END $$;
CREATE TRIGGER happened AFTER INSERT ON order_events FOR EACH ROW EXECUTE FUNCTION :truth.event_happened(:truth);

CREATE FUNCTION :truth.person_is_wrong() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fault IS NOT NULL THEN
        EXECUTE format('INSERT INTO %I.wrong VALUES ($1, $2, $3)', TG_ARGV[0]) USING TG_TABLE_NAME, NEW.id, NEW.fault;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER wrong AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION :truth.person_is_wrong(:truth);
CREATE TRIGGER wrong AFTER INSERT OR UPDATE ON subscribers FOR EACH ROW EXECUTE FUNCTION :truth.person_is_wrong(:truth);

-- Times as they are sent: no zeros at the end.
CREATE FUNCTION short(at text) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN at LIKE '%.%' THEN rtrim(rtrim(at, '0'), '.') ELSE at END $$;
CREATE FUNCTION moment(at timestamp) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS') || rtrim(rtrim(to_char(at, '.US'), '0'), '.') $$;
