-- Reads two tables again, in between live changes.
INSERT INTO signals VALUES ('again-1', 'execute-snapshot', '{"data-collections": ["public.customers", "public.members"], "type": "incremental"}');
UPDATE customers SET "firstName" = 'Grace H' WHERE id = 2;
