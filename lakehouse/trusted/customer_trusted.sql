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
with newest as (
    select subject(email) as subject, *
    from customer_landing
    -- A blank address is nobody's.
    where subject(email) <> ''
    -- Several records may claim to be the newest; one is chosen by its content,
    -- so that the choice does not depend on the order of files.
    qualify row_number() over (
        partition by subject(email)
        order by lastupdatedate desc, coalesce(sharewithresearchasofdate > 0, false),
            registrationdate desc, sharewithresearchasofdate desc,
            sharewithpublicasofdate desc, sharewithfriendsasofdate desc,
            serialnumber, email, customername, phone, birthday
    ) = 1
),

in_force as (
    select subject, valid_from
    from system.consent
    where purpose = 'research'
        -- A consent dated in the future is not yet in force.
        and valid_from <= run_time()
        and (valid_to is null or valid_to > run_time())
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
join in_force c on c.subject = n.subject
