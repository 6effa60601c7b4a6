//! First names, last names and e-mail domains for invented people. Any two names
//! may be combined.

/// First names. No two are equal ignoring case, and none ends in a digit: e-mail
/// addresses rely on both.
pub(super) const FIRST: [&str; 32] = [
    "Ada", "Akira", "Amara", "Anil", "Beatriz", "Bo", "Carmen", "Chidi", "Daria", "Elif", "Emil",
    "Farah", "Gita", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Kofi", "Leila", "Lena", "Malik",
    "Mei", "Nadia", "Omar", "Petra", "Rafael", "Sofia", "Tariq", "Uma", "Viktor", "Yuki",
];

/// Last names, with the same properties as [`FIRST`].
pub(super) const LAST: [&str; 32] = [
    "Abara", "Alvarez", "Bauer", "Berg", "Chen", "Costa", "Dahl", "Demir", "Eriksen", "Farouk",
    "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya", "Kim", "Larsen", "Mensah", "Moreau",
    "Nakata", "Novak", "Okafor", "Patel", "Quinn", "Rossi", "Santos", "Singh", "Tanaka", "Urban",
    "Weber", "Zhou",
];

/// Domains reserved for examples (RFC 2606): mail to them reaches nobody.
pub(super) const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];
