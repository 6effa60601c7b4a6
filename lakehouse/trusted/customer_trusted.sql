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

-- A record without consent withdraws it. The last one before now and the first
-- one still to come bound the interval that now lies in.
withdrawal as (
    select
        subject,
        max(case when lastupdatedate <= run_time() then lastupdatedate end) as last,
        min(case when lastupdatedate > run_time() then lastupdatedate end) as next
    from record
    where consented is null
    group by subject
),

-- Since when each person's consent has been in force without a break.
consent as (
    select
        r.subject,
        -- A date from before the last withdrawal cannot undo it: consent then
        -- holds again from the record on.
        min(case when r.consented < w.last then r.lastupdatedate else r.consented end) as valid_from
    from record r
    left join withdrawal w on w.subject = r.subject
    where r.consented is not null
        -- Of two records of the same instant the one without consent counts.
        and (w.last is null or r.lastupdatedate > w.last)
        and (w.next is null or r.lastupdatedate < w.next)
    group by r.subject
),

latest as (
    select subject, max(lastupdatedate) as lastupdatedate
    from record
    group by subject
),

-- Several records may claim to be the newest; one is chosen by its content, so
-- that the choice does not depend on the order of files. Few people have such
-- records, and ranking is dear: only theirs are ranked.
candidate as (
    select r.*
    from record r
    join latest l on l.subject = r.subject and l.lastupdatedate = r.lastupdatedate
),

tied as (
    select subject
    from candidate
    group by subject
    having count(*) > 1
),

ranked as (
    select
        c.*,
        row_number() over (
            partition by c.subject
            order by c.consented is not null, c.registrationdate desc, c.consented desc,
                c.sharewithpublicasofdate desc, c.sharewithfriendsasofdate desc,
                c.serialnumber, c.email, c.customername, c.phone, c.birthday
        ) as place
    from candidate c
    left semi join tied t on t.subject = c.subject
),

newest as (
    select
        c.subject, c.customername, c.email, c.phone, c.birthday, c.serialnumber,
        c.registrationdate, c.lastupdatedate, c.sharewithpublicasofdate, c.sharewithfriendsasofdate
    from candidate c
    left anti join tied t on t.subject = c.subject
    union all
    select
        subject, customername, email, phone, birthday, serialnumber,
        registrationdate, lastupdatedate, sharewithpublicasofdate, sharewithfriendsasofdate
    from ranked
    where place = 1
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
-- A consent dated in the future is not yet in force.
where c.valid_from <= run_time()
