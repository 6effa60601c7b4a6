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
with newest as (
    select
        subject(email) as subject,
        serialnumber,
        rank() over (partition by subject(email) order by lastupdatedate desc) as age
    from customer_landing
),

-- A serial number that two people claim, whether they agreed to research or
-- not, says nothing about whose the device is.
claim as (
    select serialnumber
    from newest
    where age = 1
        and serialnumber is not null
    group by serialnumber
    having count(distinct subject) = 1
),

active as (
    select distinct subject(user) as subject
    from accelerometer_trusted
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
join active a on a.subject = subject(c.email)
left join claim k on k.serialnumber = c.serialnumber
