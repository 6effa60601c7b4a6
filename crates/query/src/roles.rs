//! Names of landing tables and columns that consent and device owners are
//! derived from.

/// The landing table with the records that give and withdraw consent.
pub const RECORDS: &str = "customer_landing";

/// Columns of [`RECORDS`] that consent is derived from: the person, the
/// record's time, and a date for each of [`privacy::Purpose::ALL`] in that
/// order.
pub const RECORD_COLUMNS: [&str; 5] = [
    "email",
    "lastupdatedate",
    "sharewithresearchasofdate",
    "sharewithpublicasofdate",
    "sharewithfriendsasofdate",
];

/// Columns of [`RECORDS`] that claims are read from: the person, the record's
/// time and the serial number.
pub const CLAIM_COLUMNS: [&str; 3] = ["email", "lastupdatedate", "serialnumber"];

/// The landing table of device readings: serial number and time.
pub const DEVICES: (&str, [&str; 2]) = (
    "step_trainer_landing",
    ["serialnumber", "sensorreadingtime"],
);

/// The landing table of phone readings: person and time.
pub const PHONES: (&str, [&str; 2]) = ("accelerometer_landing", ["user", "timestamp"]);

/// Whether a landing column holds the time that orders a person's records. A
/// record whose time is in another unit may be a withdrawal that would be
/// ordered before all others, or a grant after them: it is quarantined, and its
/// person suspended.
pub fn orders_records(table: &catalog::TableName, column: &str) -> bool {
    table.as_ref() == RECORDS && column == RECORD_COLUMNS[1]
}
