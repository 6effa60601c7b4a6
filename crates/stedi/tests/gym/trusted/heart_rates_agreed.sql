/*
grain = "One strap reading of a member who agreed to research and has used a treadmill."
device = "strap"
personal = ["strap"]
duplicates = "drop"
*/
select h.strap, h.measured_at, h.bpm
from heart_rates h
join (
    select o.serialnumber, o.valid_from, o.valid_to
    from system.device_owner o
    join active_members a on subject(a.member_email) = o.subject
) o on o.serialnumber = h.strap
    and (o.valid_from is null or h.measured_at >= o.valid_from)
    and (o.valid_to is null or h.measured_at < o.valid_to)
