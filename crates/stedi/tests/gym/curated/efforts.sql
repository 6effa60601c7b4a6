/*
grain = "One pair of a strap's and a treadmill's reading of the same time and member."
subject = "member"
personal = ["member", "strap"]
*/
select h.strap, h.measured_at, h.bpm, s.member, s.speed, s.incline, s.cadence
from strides_agreed s
join (
    select h.strap, h.measured_at, h.bpm, o.subject as wearer
    from heart_rates_agreed h
    join system.device_owner o on o.serialnumber = h.strap
        and (o.valid_from is null or h.measured_at >= o.valid_from)
        and (o.valid_to is null or h.measured_at < o.valid_to)
) h on h.measured_at = s.at and h.wearer = subject(s.member)
