/*
grain = "One pair of a trainer's and a phone's reading of one person and time, taken while that person agreed to research."
anonymous = true

[checks]
not_null = ["subject", "elapsed_ms"]
*/
with pair as (
    select
        subject(m.user) as person,
        m.sensorreadingtime,
        m.distancefromobject,
        m.x,
        m.y,
        m.z
    from machine_learning_curated m
    join system.consent c on c.subject = subject(m.user)
        -- Agreed at the reading's own time; who is in machine_learning_curated
        -- agrees now.
        and m.sensorreadingtime >= c.valid_from
        and (c.valid_to is null or m.sensorreadingtime < c.valid_to)
    where m.same_owner and c.purpose = 'research'
),

-- Times count from each person's first reading in the set: an absolute one
-- could be looked up.
first as (
    select person, min(sensorreadingtime) as sensorreadingtime
    from pair
    group by person
)

select
    pseudonym(p.person) as subject,
    p.sensorreadingtime - f.sensorreadingtime as elapsed_ms,
    p.distancefromobject,
    p.x,
    p.y,
    p.z
-- The people first: a join holds what stands on its left.
from first f
join pair p on p.person = f.person
