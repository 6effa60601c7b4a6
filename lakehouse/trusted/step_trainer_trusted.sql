/*
grain = "One motion-sensor reading of a device owned by a person in customer_curated."
also = ["step_trainer_curated"]
device = "serialnumber"
personal = ["serialnumber"]
duplicates = "drop"

[checks]
not_null = ["serialnumber", "sensorreadingtime"]
*/
with owned as (
    select o.serialnumber, o.valid_from, o.valid_to
    from system.device_owner o
    join customer_curated c on subject(c.email) = o.subject
)

select s.sensorreadingtime, s.serialnumber, s.distancefromobject
from step_trainer_landing s
join owned o on o.serialnumber = s.serialnumber
    -- A device passed on is its owner's for a time; most are for all time.
    and (o.valid_from is null or s.sensorreadingtime >= o.valid_from)
    and (o.valid_to is null or s.sensorreadingtime < o.valid_to)
