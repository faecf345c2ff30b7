-- Tables of people under keys of every kind, all with the default replica identity: a row that goes leaves its key.
CREATE TABLE kinds (kind text PRIMARY KEY, columns text, names text, key text);
INSERT INTO kinds VALUES
    ('bigint', 'id bigint', 'id', '%s'),
    ('text', 'id text', 'id', '''Ключ '' || (%s) || '' / "é" '''),
    ('uuid', 'id uuid', 'id', 'md5((%s)::text)::uuid'),
    ('pair', 'shop text, number int', 'shop, number', '''shop'' || (%1$s) %% 3, %1$s'),
    ('numeric', 'id numeric(30,4)', 'id', '(%s) * 1.25'),
    ('instant', 'id timestamptz', 'id', '''2026-01-01Z''::timestamptz + (%s) * interval ''1 minute'''),
    ('day', 'id date', 'id', '''2026-01-01''::date + (%s)'),
    ('bytes', 'id bytea', 'id', 'decode(md5((%s)::text), ''hex'')'),
    ('mixed', '"MemberId" int, "Mandant" smallint', '"MemberId", "Mandant"', '%s, 7::smallint');

DO $$
DECLARE k kinds;
BEGIN
    FOR k IN SELECT * FROM kinds LOOP
        EXECUTE format('CREATE TABLE keys_%s (%s, n int NOT NULL, email text NOT NULL, opted_in boolean NOT NULL, PRIMARY KEY (%s))', k.kind, k.columns, k.names);
    END LOOP;
END $$;

-- What becomes of the people of every table, from number a on: they join, move, leave, come back, get another key, are deleted.
CREATE FUNCTION live(a int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE k kinds;
BEGIN
    FOR k IN SELECT * FROM kinds LOOP
        EXECUTE format('INSERT INTO keys_%1$s SELECT %2$s, n, ''%1$s'' || n || ''@example.com'', n %% 9 <> 0 FROM generate_series(%3$s, %3$s + 149) n', k.kind, format(k.key, 'n'), a);
        EXECUTE format('UPDATE keys_%1$s SET email = ''moved.%1$s'' || n || ''@example.com'' WHERE n %% 10 = 1', k.kind);
        EXECUTE format('UPDATE keys_%s SET opted_in = NOT opted_in WHERE n %% 10 = 2', k.kind);
        EXECUTE format('DELETE FROM keys_%s WHERE n %% 10 = 3', k.kind);
        EXECUTE format('UPDATE keys_%s SET (n, %s) = (SELECT n + 5000, %s) WHERE n %% 10 = 4 AND n < 5000', k.kind, k.names, format(k.key, 'n + 5000'));
        EXECUTE format('DELETE FROM keys_%s WHERE n %% 20 = 5', k.kind);
        EXECUTE format('INSERT INTO keys_%s SELECT %s, n, ''back'' || n || ''.%s@example.com'', true FROM generate_series(%s, %4$s + 149) n WHERE n %% 40 = 5', k.kind, format(k.key, 'n'), k.kind, a);
        EXECUTE format('DELETE FROM keys_%s WHERE n %% 10 = 4 AND n > 5000 AND n %% 3 = 0', k.kind);
    END LOOP;
END $$;

-- The members of all tables.
CREATE FUNCTION members() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE k kinds;
BEGIN
    FOR k IN SELECT * FROM kinds LOOP
        RETURN QUERY EXECUTE format('SELECT encode(sha256(convert_to(lower(trim(email)), ''UTF8'')), ''hex'') FROM keys_%s WHERE opted_in', k.kind);
    END LOOP;
END $$;
