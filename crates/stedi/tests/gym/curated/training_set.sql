/*
grain = "One effort that was made while its member agreed to research."
*/
with effort as (
    select subject(e.member) as person, e.measured_at, e.bpm, e.speed, e.incline, e.cadence
    from efforts e
    join system.consent c on c.subject = subject(e.member)
        and e.measured_at >= c.valid_from
        and (c.valid_to is null or e.measured_at < c.valid_to)
    where c.purpose = 'research'
)

select
    pseudonym(e.person) as runner,
    e.measured_at - f.measured_at as elapsed_ms,
    e.bpm,
    e.speed,
    e.incline,
    e.cadence
from (select person, min(measured_at) as measured_at from effort group by person) f
join effort e on e.person = f.person
