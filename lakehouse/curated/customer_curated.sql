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
with record as (
    select subject(email) as subject, serialnumber, lastupdatedate
    from customer_landing
    where subject(email) <> ''
),

latest as (
    select subject, max(lastupdatedate) as lastupdatedate
    from record
    group by subject
),

-- A serial number that two people claim, whether they agreed to research or
-- not, says nothing about whose the device is.
claim as (
    select r.serialnumber
    from record r
    join latest l on l.subject = r.subject and l.lastupdatedate = r.lastupdatedate
    where r.serialnumber is not null
    group by r.serialnumber
    having min(r.subject) = max(r.subject)
)

select
    c.customername,
    c.email,
    c.phone,
    c.birthday,
    k.serialnumber,
    c.registrationdate,
    c.lastupdatedate,
    c.sharewithresearchasofdate,
    c.sharewithpublicasofdate,
    c.sharewithfriendsasofdate
from customer_trusted c
left semi join accelerometer_trusted a on subject(a.user) = subject(c.email)
left join claim k on k.serialnumber = c.serialnumber
