//! Reasons why bytes are quarantined.

/// Why bytes are quarantined. The names given by [`Reason::as_str`] are stored in
/// tables: new ones may be added, but no name ever changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// An object that stops before its end: the file ends, its line ends inside a
    /// string, or another object begins where no value can.
    Truncated,
    /// An object that is not valid JSON.
    Syntax,
    /// Bytes between objects that are not JSON.
    Garbage,
    /// JSON between objects that is not an object: a number, a string, an
    /// array of scalars.
    NotAnObject,
    /// A value that its column does not accept, in a column that rows can do
    /// without. Its object is a row, in which the value is null.
    Misfit,
    /// A complete object after a broken one, of which it may be a part.
    Ambiguous,
    /// A column occurs twice, perhaps in another letter case.
    DuplicateKey,
    /// A required column is absent or null.
    MissingField,
    /// A value of a type that its column does not accept.
    TypeMismatch,
    /// A number or date beyond what its column can hold.
    OutOfRange,
    /// A number with a fraction for an integer column, or a time finer than a
    /// millisecond.
    LossyNumber,
    /// A time in another unit than milliseconds.
    TimeUnit,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A `\u` escape of half a surrogate pair.
    UnpairedSurrogate,
    /// Nested deeper than `depth_max`.
    TooDeep,
    /// Longer than `object_bytes_max`.
    TooLarge,
    /// A compressed file that cannot be unpacked any further. The length is zero,
    /// since the unpacked length of the rest is unknown.
    Unpackable,
    /// A compressed file that unpacks to more than its size allows. The length is
    /// zero, since the rest was not unpacked.
    CompressionRatio,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 18] = [
        Reason::Truncated,
        Reason::Syntax,
        Reason::Garbage,
        Reason::NotAnObject,
        Reason::Misfit,
        Reason::Ambiguous,
        Reason::DuplicateKey,
        Reason::MissingField,
        Reason::TypeMismatch,
        Reason::OutOfRange,
        Reason::LossyNumber,
        Reason::TimeUnit,
        Reason::InvalidUtf8,
        Reason::UnpairedSurrogate,
        Reason::TooDeep,
        Reason::TooLarge,
        Reason::Unpackable,
        Reason::CompressionRatio,
    ];

    /// The name stored in `system.quarantine`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Truncated => "truncated",
            Reason::Syntax => "syntax",
            Reason::Garbage => "garbage",
            Reason::NotAnObject => "not_an_object",
            Reason::Misfit => "misfit",
            Reason::Ambiguous => "ambiguous",
            Reason::DuplicateKey => "duplicate_key",
            Reason::MissingField => "missing_field",
            Reason::TypeMismatch => "type_mismatch",
            Reason::OutOfRange => "out_of_range",
            Reason::LossyNumber => "lossy_number",
            Reason::TimeUnit => "time_unit",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::UnpairedSurrogate => "unpaired_surrogate",
            Reason::TooDeep => "too_deep",
            Reason::TooLarge => "too_large",
            Reason::Unpackable => "unpackable",
            Reason::CompressionRatio => "compression_ratio",
        }
    }

    /// Whether the stretch began as an object and counts as one.
    pub fn is_object(self) -> bool {
        !matches!(
            self,
            Reason::Garbage
                | Reason::NotAnObject
                | Reason::Misfit
                | Reason::Unpackable
                | Reason::CompressionRatio
        )
    }
}
