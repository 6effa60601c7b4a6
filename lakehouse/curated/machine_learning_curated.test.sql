-- Which readings machine_learning_curated pairs: those of one time.

-- test: Readings are paired by time alone, and same_owner tells one person's pairs from two people's.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'B', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-02-01', 1.0),
    ('bob@example.com', date '2023-02-01', 2.0),
    ('bob@example.com', date '2023-02-02', 3.0),
    ('bob@example.com', date '2023-02-03', 4.0);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject) values
    ('A', date '2023-02-01', 10),
    ('B', date '2023-02-02', 20),
    ('B', date '2023-02-05', 30);
expect machine_learning_curated (serialnumber, user, sensorreadingtime, distancefromobject, x, same_owner) values
    ('A', 'ada@example.com', date '2023-02-01', 10, 1.0, true),
    ('A', 'bob@example.com', date '2023-02-01', 10, 2.0, false),
    ('B', 'bob@example.com', date '2023-02-02', 20, 3.0, true);
expect (select violations from system.checks where check_name = 'two_people') (violations) values (1);

-- test: A pair of people who do not agree any more is gone.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'B', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2023-02-01'),
    ('bob@example.com', date '2023-02-02');
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-02-01'),
    ('B', date '2023-02-02');
expect machine_learning_curated (user) values ('ada@example.com'), ('bob@example.com');
withdraw research from 'bob@example.com';
expect machine_learning_curated (user) values ('ada@example.com');

-- test: The owner's spelling of the address does not count.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('Ada@Example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values (' ADA@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime) values ('A', date '2023-02-01');
expect machine_learning_curated (user, same_owner) values (' ADA@example.com', true);

-- test: A reading of a device passed on is its owner's at that time.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp)
as select case when n <= 20 then 'ada@example.com' else 'bob@example.com' end, 1675209600000 + n * 1000
from (select unnest(generate_series(1, 40)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject)
as select 'D', 1675209600000 + n * 1000, n from (select unnest(generate_series(1, 40)) as n);
expect machine_learning_curated (distancefromobject, user, same_owner)
as select n, case when n <= 20 then 'ada@example.com' else 'bob@example.com' end, true
from (select unnest(generate_series(1, 40)) as n);
