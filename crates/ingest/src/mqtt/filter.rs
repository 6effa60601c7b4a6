//! Topic filters: which are valid, and which topics they take.

/// What a shared subscription begins with: `$share/GROUP/FILTER`.
const SHARE: &str = "$share/";

/// The filter of a subscription without the group that shares it.
pub(crate) fn without_group(filter: &str) -> &str {
    let shared = filter.strip_prefix(SHARE);
    shared
        .and_then(|rest| Some(rest.split_once('/')?.1))
        .unwrap_or(filter)
}

/// Whether a broker takes the filter: `+` stands for one level and `#` for all that follow,
/// each alone between slashes, `#` last.
pub fn is_filter(filter: &str) -> bool {
    let group = filter.strip_prefix(SHARE).map(|rest| rest.split_once('/'));
    let is_group = |group: &str| !group.is_empty() && !group.contains(['+', '#']);
    let filter = match group {
        None => filter,
        Some(Some((group, filter))) if is_group(group) => filter,
        Some(_) => return false,
    };
    if filter.is_empty() || filter.len() > usize::from(u16::MAX) || filter.contains('\0') {
        return false;
    }
    let levels: Vec<&str> = filter.split('/').collect();
    levels.iter().enumerate().all(|(at, level)| match *level {
        "+" => true,
        "#" => at + 1 == levels.len(),
        level => !level.contains(['+', '#']),
    })
}

/// Whether the filter takes the topic.
pub(crate) fn takes(filter: &str, topic: &str) -> bool {
    let filter = without_group(filter);
    // Topics of the broker itself are taken by name only.
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let (mut wanted, mut given) = (filter.split('/'), topic.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (Some("#"), _) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_topics() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/c", false),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a", true),
            ("#", "ä/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$aws/things/+/shadow", "$aws/things/1/shadow", true),
            ("$share/group/a/+", "a/b", true),
            ("$share/group/a/+", "b", false),
        ] {
            assert_eq!(takes(filter, topic), expected, "{filter} {topic}");
        }
        for (filter, expected) in [
            ("a/+/b/#", true),
            ("#", true),
            ("/", true),
            ("$share/g/#", true),
            ("", false),
            ("a#", false),
            ("#/a", false),
            ("a+/b", false),
            ("$share/g", false),
            ("$share/g/", false),
            ("$share/+/a", false),
            ("a\0", false),
        ] {
            assert_eq!(is_filter(filter), expected, "{filter}");
        }
    }
}
