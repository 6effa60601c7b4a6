//! One date or timestamp, as its zone's clock shows it.

use chrono::NaiveDateTime;

/// One date or timestamp.
pub(crate) struct Time {
    /// As the zone's clock shows it.
    pub(crate) local: NaiveDateTime,
    /// How far that clock is ahead of UTC.
    pub(crate) offset_seconds: i32,
    pub(crate) is_date: bool,
    pub(crate) has_zone: bool,
}

impl Time {
    /// As ISO 8601 writes it.
    pub(crate) fn iso8601(&self) -> String {
        if self.is_date {
            return self.local.format("%Y-%m-%d").to_string();
        }
        let zone = match (self.has_zone, self.offset_seconds) {
            (false, _) => String::new(),
            (true, 0) => "Z".to_owned(),
            (true, offset) => offset_text(offset, ":"),
        };
        format!("{}{zone}", self.local.format("%Y-%m-%dT%H:%M:%S%.3f"))
    }
}

/// An offset such as `+01:00`.
pub(crate) fn offset_text(seconds: i32, between: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}
