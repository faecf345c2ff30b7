TRUNCATE members;
INSERT INTO members VALUES ('silver', 1, 'zoe@example.com');
TRUNCATE identity_nothing, without_key;
