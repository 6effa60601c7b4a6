/*
grain = "One person in customer_trusted with at least one accelerometer reading."
subject = "email"
personal = ["customername", "email", "phone", "birthday", "serialnumber"]

[checks]
not_null = ["email", "sharewithresearchasofdate"]
references = { email = "customer_trusted.email" }

[[checks.sql]]
name = "one_person_per_device"
violations = "select serialnumber from customer_curated where serialnumber is not null group by serialnumber having count(*) > 1"
*/
with device as (
    select subject, serialnumber
    from system.device_owner
    where subject is not null
        -- Who passed a device on has it no longer.
        and valid_to is null
    -- Of two devices the one that reported last is carried.
    qualify row_number() over (
        partition by subject
        order by last_reading desc nulls last, serialnumber
    ) = 1
),

-- Of a device that never reported, the one person's record who claims it is
-- all there is to go by.
silent as (
    select c.subject, min(c.serialnumber) as serialnumber
    from system.device_claim c
    left anti join system.device_owner o on o.serialnumber = c.serialnumber
    where c.claimants = 1
    group by c.subject
)

select
    c.customername,
    c.email,
    c.phone,
    c.birthday,
    -- The record's own serial number may be one that fulfilment gave to many.
    coalesce(d.serialnumber, s.serialnumber) as serialnumber,
    c.registrationdate,
    c.lastupdatedate,
    c.sharewithresearchasofdate,
    c.sharewithpublicasofdate,
    c.sharewithfriendsasofdate
from customer_trusted c
left semi join accelerometer_trusted a on subject(a.user) = subject(c.email)
left join device d on d.subject = subject(c.email)
left join silent s on s.subject = subject(c.email)
