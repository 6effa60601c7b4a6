-- Whose trainer readings are in step_trainer_trusted: those of devices that people
-- in customer_curated own.

-- test: Readings of a device are in if its owner agrees and a phone of theirs reported.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'B', date '2023-01-01', null),
    ('cat@example.com', 'C', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2023-02-01'),
    ('bob@example.com', date '2023-02-01');
given step_trainer_landing (sensorreadingtime, serialnumber, distancefromobject) values
    (date '2023-02-01', 'A', 10),
    (date '2023-02-01', 'B', 20),
    (date '2023-02-02', 'C', 30),
    (date '2023-02-01', 'Z', 40);
expect step_trainer_trusted (serialnumber, sensorreadingtime, distancefromobject) values
    ('A', date '2023-02-01', 10);
expect ledger step_trainer_trusted rows_in = 4, no_owner = 3, rows_out = 1;

-- test: Where one serial number was written into two people's records, the shared times tell whose the device is.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'A', date '2023-01-01', null);
given accelerometer_landing (user, timestamp)
as select 'ada@example.com', 1675209600000 + n * 1000 from (select unnest(generate_series(1, 8)) as n);
given accelerometer_landing (user, timestamp)
as select 'bob@example.com', 1675209600000 + n * 1000 from (select unnest(generate_series(11, 18)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject)
as select 'A', 1675209600000 + n * 1000, n from (select unnest(generate_series(1, 8)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject)
as select 'OTHER', 1675209600000 + n * 1000, n from (select unnest(generate_series(11, 18)) as n);
expect system.device_owner (serialnumber, subject, evidence) values
    ('A',     'ada@example.com', 'matched'),
    ('OTHER', 'bob@example.com', 'matched');
expect (select distinct serialnumber from step_trainer_trusted) (serialnumber) values ('A');

-- test: A device passed on contributes the readings from while its owner agreed to research, and no others.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', null),
    ('cat@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp)
as select case when n <= 20 then 'ada@example.com' when n <= 40 then 'bob@example.com' else 'cat@example.com' end,
    1675209600000 + n * 1000
from (select unnest(generate_series(1, 60)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject)
as select 'D', 1675209600000 + n * 1000, n from (select unnest(generate_series(1, 60)) as n);
expect step_trainer_trusted (distancefromobject)
as select n from (select unnest(generate_series(1, 60)) as n) where n <= 20 or n > 40;

-- test: A device that nobody is clearly the owner of contributes nothing.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2023-02-01'),
    ('bob@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-02-01');
expect step_trainer_trusted empty;
expect ledger step_trainer_trusted rows_in = 1, no_owner = 1, rows_out = 0;

-- test: One of equal readings is kept, the others are counted.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values ('ada@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject) values
    ('A', date '2023-02-01', 10),
    ('A', date '2023-02-01', 10),
    ('A', date '2023-02-01', 11);
expect step_trainer_trusted (distancefromobject) values (10), (11);
expect ledger step_trainer_trusted rows_in = 3, duplicate = 1, rows_out = 2;
