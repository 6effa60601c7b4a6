/*
grain = "One motion-sensor reading of a device owned by a person in customer_curated."
also = ["step_trainer_curated"]
personal = ["serialnumber"]
duplicates = "drop"

[checks]
not_null = ["serialnumber", "sensorreadingtime"]
references = { serialnumber = "customer_curated.serialnumber" }
*/
select s.sensorreadingtime, s.serialnumber, s.distancefromobject
from step_trainer_landing s
join customer_curated c on c.serialnumber = s.serialnumber
