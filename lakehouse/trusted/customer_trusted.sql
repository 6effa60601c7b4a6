/*
grain = "One person with a research consent in force now: the newest record."
subject = "email"
personal = ["customername", "email", "phone", "birthday", "serialnumber"]

[checks]
not_null = ["email", "lastupdatedate", "sharewithresearchasofdate"]

[[checks.sql]]
name = "one_row_per_person"
violations = "select subject(email) as subject from customer_trusted group by 1 having count(*) > 1"
*/
with record as (
    select
        subject(email) as subject,
        -- Absent, zero, blank and negative dates all say: not given.
        case when sharewithresearchasofdate > 0 then sharewithresearchasofdate end as consented,
        *
    from customer_landing
    -- A blank address is nobody's.
    where subject(email) <> ''
),

-- What a person said before and after each record. A record without consent
-- contradicts one of the same instant that claims consent, and counts.
history as (
    select
        *,
        max(case when consented is null then lastupdatedate end) over past as withdrawn_before,
        min(case when consented is null then lastupdatedate end) over future as withdrawn_after,
        bool_or(consented is null) over same_instant as contradicted
    from record
    window
        past as (partition by subject order by lastupdatedate rows between unbounded preceding and 1 preceding),
        future as (partition by subject order by lastupdatedate rows between 1 following and unbounded following),
        same_instant as (partition by subject, lastupdatedate)
),

-- The interval each consenting record speaks for.
interval as (
    select
        subject,
        -- A date from before the last withdrawal cannot undo it: consent then
        -- holds again from the record on.
        case when consented < withdrawn_before then lastupdatedate else consented end as valid_from,
        withdrawn_after as valid_to
    from history
    where consented is not null
        and not contradicted
),

consent as (
    select subject, min(valid_from) as valid_from
    from interval
    where valid_from <= run_time()
        and (valid_to is null or valid_to > run_time())
    group by subject
),

newest as (
    select
        *,
        row_number() over (
            partition by subject
            order by lastupdatedate desc, consented is not null, registrationdate desc,
                consented desc, sharewithpublicasofdate desc, sharewithfriendsasofdate desc,
                serialnumber, email, customername, phone, birthday
        ) as age
    from record
)

select
    n.customername,
    n.email,
    n.phone,
    n.birthday,
    n.serialnumber,
    n.registrationdate,
    n.lastupdatedate,
    c.valid_from as sharewithresearchasofdate,
    n.sharewithpublicasofdate,
    n.sharewithfriendsasofdate
from newest n
join consent c on c.subject = n.subject
where n.age = 1
