-- Who is in customer_curated, and which device they carry.

-- test: A person in customer_trusted is in once a phone of theirs reported.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01'),
    ('cat@example.com', date '2023-01-01', null);
given accelerometer_landing (user, timestamp) values
    ('ADA@example.com', date '2023-02-01'),
    ('cat@example.com', date '2023-02-01');
expect customer_curated (email) values ('ada@example.com');
given accelerometer_landing (user, timestamp) values
    ('bob@example.com', date '2023-02-01');
expect customer_curated (email) values ('ada@example.com'), ('bob@example.com');

-- test: Many readings of a person make one row.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2023-02-01'),
    ('ada@example.com', date '2023-02-02'),
    ('ada@example.com', date '2023-02-03');
expect customer_curated (email) values ('ada@example.com');

-- test: The serial number is that of the device that shares the person's times, not the one in the record.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'WRONG', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'WRONG', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp)
as select 'ada@example.com', 1675209600000 + n * 1000 from (select unnest(generate_series(1, 8)) as n);
given accelerometer_landing (user, timestamp) values ('bob@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime)
as select 'RIGHT', 1675209600000 + n * 1000 from (select unnest(generate_series(1, 8)) as n);
expect customer_curated (email, serialnumber) values
    ('ada@example.com', 'RIGHT'),
    ('bob@example.com', null);

-- test: A device that never reported is that of the one person whose record claims it.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'SILENT', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'SHARED', date '2023-01-01', date '2023-01-01'),
    ('cat@example.com', 'SHARED', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values
    ('ada@example.com', date '2023-02-01'),
    ('bob@example.com', date '2023-02-01'),
    ('cat@example.com', date '2023-02-01');
expect customer_curated (email, serialnumber) values
    ('ada@example.com', 'SILENT'),
    ('bob@example.com', null),
    ('cat@example.com', null);

-- test: A device that reports is not given to a person whose times it does not share.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values ('ada@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-03-01');
expect customer_curated (email, serialnumber) values ('ada@example.com', null);

-- test: Of two devices of a person the one that reported last is carried.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'OLD', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp)
as select 'ada@example.com', 1675209600000 + n * 1000
from (select unnest(generate_series(1, 108)) as n) where n <= 8 or n > 100;
given step_trainer_landing (serialnumber, sensorreadingtime)
as select 'OLD', 1675209600000 + n * 1000 from (select unnest(generate_series(1, 8)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime)
as select 'NEW', 1675209600000 + n * 1000 from (select unnest(generate_series(101, 108)) as n);
expect customer_curated (email, serialnumber) values ('ada@example.com', 'NEW');

-- test: A device passed on is carried by its last owner alone.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp)
as select case when n <= 20 then 'ada@example.com' else 'bob@example.com' end, 1675209600000 + n * 1000
from (select unnest(generate_series(1, 40)) as n);
given step_trainer_landing (serialnumber, sensorreadingtime)
as select 'D', 1675209600000 + n * 1000 from (select unnest(generate_series(1, 40)) as n);
expect customer_curated (email, serialnumber) values
    ('ada@example.com', null),
    ('bob@example.com', 'D');
