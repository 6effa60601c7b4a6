/*
grain = "One member in members_agreed who has used a treadmill."
subject = "member_email"
personal = ["full_name", "member_email", "mobile", "born"]
*/
select m.full_name, m.member_email, m.mobile, m.born
from members_agreed m
left semi join strides_agreed s on subject(s.member) = subject(m.member_email)
