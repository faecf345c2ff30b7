-- Change data has no rows for a TRUNCATE, so nobody would leave the audiences a table fills. This deletes the rows one by
-- one before each TRUNCATE of the table; then they leave. Run it once for each such table:
--     psql -v table=customers -f truncate.sql
CREATE OR REPLACE FUNCTION delete_before_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER delete_before_truncate BEFORE TRUNCATE ON :"table"
FOR EACH STATEMENT EXECUTE FUNCTION delete_before_truncate();
