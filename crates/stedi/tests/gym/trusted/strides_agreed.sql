/*
grain = "One treadmill reading of a member who agreed to research."
subject = "member"
personal = ["member"]
duplicates = "drop"
*/
select s.member, s.at, s.speed, s.incline, s.cadence
from treadmill_strides s
join members_agreed m on subject(m.member_email) = subject(s.member)
