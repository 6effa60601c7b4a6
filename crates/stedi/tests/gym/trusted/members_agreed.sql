/*
grain = "One member who agreed to research: the newest record."
subject = "member_email"
personal = ["full_name", "member_email", "mobile", "born", "strap_serial"]

[checks]
not_null = ["member_email", "changed_at"]
*/
select m.full_name, m.member_email, m.mobile, m.born, m.strap_serial, m.changed_at
from (
    select *
    from members
    where subject(member_email) <> ''
    qualify row_number() over (
        partition by subject(member_email)
        order by changed_at desc, science_since desc, buddies_since desc, joined_at desc,
            strap_serial, member_email, full_name, mobile, born
    ) = 1
) m
join system.consent c on c.subject = subject(m.member_email)
    and c.purpose = 'research'
    and c.valid_from <= run_time()
    and (c.valid_to is null or c.valid_to > run_time())
