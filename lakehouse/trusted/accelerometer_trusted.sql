/*
grain = "One phone reading of a person who agreed to research."
subject = "user"
personal = ["user"]
duplicates = "drop"     # rows equal in every column: keep one, count the rest

[checks]
not_null = ["user", "timestamp"]
*/
select a.user, a.timestamp, a.x, a.y, a.z
from accelerometer_landing a
join customer_trusted c on subject(c.email) = subject(a.user)
