/*
grain = "One pair of a trusted step-trainer reading and a trusted phone reading of the same time."
subject = "user"
personal = ["serialnumber", "user"]

[checks]
not_null = ["serialnumber", "sensorreadingtime", "user", "same_owner"]

[[checks.sql]]
name = "two_people"     # one person's trainer beside another person's phone
violations = "select serialnumber from machine_learning_curated where not same_owner"
action = "report"       # the published definition has them; training_set leaves them out
*/
with device_reading as (
    select
        s.serialnumber,
        s.sensorreadingtime,
        s.distancefromobject,
        o.subject as owner
    from step_trainer_trusted s
    join system.device_owner o on o.serialnumber = s.serialnumber
        and (o.valid_from is null or s.sensorreadingtime >= o.valid_from)
        and (o.valid_to is null or s.sensorreadingtime < o.valid_to)
)

-- The published definition: readings are paired by time alone, also when phone
-- and trainer belong to two different people. `same_owner` tells them apart.
select
    d.serialnumber,
    d.sensorreadingtime,
    d.distancefromobject,
    a.user,
    a.x,
    a.y,
    a.z,
    d.owner = subject(a.user) as same_owner
from accelerometer_trusted a
join device_reading d on d.sensorreadingtime = a.timestamp
