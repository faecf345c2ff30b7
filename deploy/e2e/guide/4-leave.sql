UPDATE customers SET newsletter = true WHERE email = 'grace@example.com';
DELETE FROM customers WHERE email = 'Ada.Lovelace@example.com';
