-- Which pairs training_set holds: one person's own, taken while that person agreed,
-- under a pseudonym and without absolute times.

-- test: A pair of one person is in under a pseudonym; times count from the person's first reading in the set.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('Ada@Example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'B', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x, y, z) values
    ('ada@example.com', timestamp '2023-02-01 10:00:00', 1.0, 2.0, 3.0),
    ('ada@example.com', timestamp '2023-02-01 10:00:01', 4.0, 5.0, 6.0),
    ('bob@example.com', timestamp '2023-02-01 10:00:05', 7.0, 8.0, 9.0);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject) values
    ('A', timestamp '2023-02-01 10:00:00', 10),
    ('A', timestamp '2023-02-01 10:00:01', 20),
    ('B', timestamp '2023-02-01 10:00:05', 30);
expect training_set (subject, elapsed_ms, distancefromobject, x, y, z) values
    (pseudonym('ada@example.com'), 0,    10, 1.0, 2.0, 3.0),
    (pseudonym('ada@example.com'), 1000, 20, 4.0, 5.0, 6.0),
    (pseudonym('bob@example.com'), 0,    30, 7.0, 8.0, 9.0);

-- test: A pair of two people is out.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'B', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-02-01', 1.0),
    ('bob@example.com', date '2023-02-01', 2.0),
    ('bob@example.com', date '2023-02-02', 3.0);
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-02-01'),
    ('B', date '2023-02-02');
expect training_set (subject, x) values
    (pseudonym('ada@example.com'), 1.0),
    (pseudonym('bob@example.com'), 3.0);
expect ledger training_set rows_in = 3, filtered = 1, rows_out = 2;

-- test: A pair is in if consent held at its own time: from the date on, and before a withdrawal.
now '2023-06-01';
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-10', date '2023-01-10'),
    ('ada@example.com', 'A', date '2023-01-20', null),
    ('ada@example.com', 'A', date '2023-01-25', date '2023-01-25');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-01-09', 9.0),
    ('ada@example.com', date '2023-01-10', 10.0),
    ('ada@example.com', date '2023-01-19', 19.0),
    ('ada@example.com', date '2023-01-20', 20.0),
    ('ada@example.com', date '2023-01-24', 24.0),
    ('ada@example.com', date '2023-01-25', 25.0);
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-01-09'),
    ('A', date '2023-01-10'),
    ('A', date '2023-01-19'),
    ('A', date '2023-01-20'),
    ('A', date '2023-01-24'),
    ('A', date '2023-01-25');
expect training_set (x) values (10.0), (19.0), (25.0);

-- test: Consent to show data to everybody opens no time for research.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate, sharewithpublicasofdate) values
    ('ada@example.com', 'A', date '2023-02-01', date '2023-02-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x) values
    ('ada@example.com', date '2023-01-15', 1.0),
    ('ada@example.com', date '2023-02-15', 2.0);
given step_trainer_landing (serialnumber, sensorreadingtime) values
    ('A', date '2023-01-15'),
    ('A', date '2023-02-15');
expect training_set (x) values (2.0);

-- test: A person who withdraws leaves the set with the next run, with all pairs.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp) values ('ada@example.com', date '2023-02-01');
given step_trainer_landing (serialnumber, sensorreadingtime) values ('A', date '2023-02-01');
expect training_set (subject) values (pseudonym('ada@example.com'));
withdraw research from 'ada@example.com' at '2023-03-01';
expect training_set empty;

-- test: A set that holds absolute times is refused.
given customer_landing (email, serialnumber, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'A', date '2023-01-01', date '2023-01-01');
given accelerometer_landing (user, timestamp, x, y, z) values ('ada@example.com', date '2023-02-01', 1.0, 2.0, 3.0);
given step_trainer_landing (serialnumber, sensorreadingtime, distancefromobject) values ('A', date '2023-02-01', 10);
given model curated.training_set as
/*
grain = "One pair of one person, with its time."
anonymous = true
*/
select pseudonym(subject(m.user)) as subject, m.sensorreadingtime as elapsed_ms, m.distancefromobject, m.x, m.y, m.z
from machine_learning_curated m
where m.same_owner;
expect refused by 'privacy: rows that may be there' of training_set;
