-- Whose phone readings are in accelerometer_trusted: those of people in customer_trusted.

-- test: Readings of people who agree are in, readings of all others are out.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', null);
given accelerometer_landing (user, timestamp, x, y, z) values
    ('ada@example.com',      date '2023-02-01', 1.0, 2.0, 3.0),
    ('bob@example.com',      date '2023-02-01', 4.0, 5.0, 6.0),
    ('stranger@example.com', date '2023-02-01', 7.0, 8.0, 9.0);
expect accelerometer_trusted (user, timestamp, x, y, z) values
    ('ada@example.com', date '2023-02-01', 1.0, 2.0, 3.0);
expect ledger accelerometer_trusted rows_in = 3, no_consent = 2, rows_out = 1;

-- test: A withdrawal takes all of a person's readings out, those from before it too.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-02-01', 1.0),
    ('ada@example.com', date '2023-02-02', 2.0),
    ('bob@example.com', date '2023-02-01', 3.0);
expect accelerometer_trusted (user, x) values
    ('ada@example.com', 1.0),
    ('ada@example.com', 2.0),
    ('bob@example.com', 3.0);
given customer_landing (email, lastupdatedate) values
    ('ada@example.com', date '2023-03-01');
expect accelerometer_trusted (user, x) values ('bob@example.com', 3.0);
expect ledger accelerometer_trusted rows_in = 3, no_consent = 2, rows_out = 1;

-- test: Addresses match in any letter case and with white space around, and stay as sent.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('Ada@Example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com',    date '2023-02-01'),
    ('  ADA@EXAMPLE.COM ', date '2023-02-02');
expect accelerometer_trusted (user, timestamp) values
    ('ada@example.com',    date '2023-02-01'),
    ('  ADA@EXAMPLE.COM ', date '2023-02-02');

-- test: A reading from before the consent is in: consent is asked of now, training_set asks of the time.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2022-12-31');
expect accelerometer_trusted (user, timestamp) values
    ('ada@example.com', date '2022-12-31');

-- test: One of equal readings is kept, the others are counted; a reading that differs is no duplicate.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-02-01', 1.0),
    ('ada@example.com', date '2023-02-01', 1.0),
    ('ada@example.com', date '2023-02-01', 2.0);
expect accelerometer_trusted (user, x) values
    ('ada@example.com', 1.0),
    ('ada@example.com', 2.0);
expect ledger accelerometer_trusted rows_in = 3, duplicate = 1, rows_out = 2;
-- Sent again in a later file.
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-02-01', 2.0);
expect accelerometer_trusted (user, x) values
    ('ada@example.com', 1.0),
    ('ada@example.com', 2.0);
expect ledger accelerometer_trusted rows_in = 4, duplicate = 2, rows_out = 2;

-- test: A reading that cannot be read is in quarantine, and in no table.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing json $$
{"user": "ada@example.com", "timestamp": 1675209600000, "x": 1}
{"user": "ada@example.com", "timestamp": 1675209
$$;
expect accelerometer_trusted (x) values (1.0);
expect system.quarantine (table_name, line) values ('accelerometer_landing', 2);
expect ledger accelerometer_landing rows_in = 2, quarantined = 1, rows_out = 1;
