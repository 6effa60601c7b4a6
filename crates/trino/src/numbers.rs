//! Functions of numbers, and of the bits of integers.

use crate::fault::Fault;
use crate::function::Param::{Bigint, Double, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 22] = [
    Function::new(
        "e",
        &[&[]],
        Returns::Double(|_| Ok(Some(std::f64::consts::E))),
    ),
    Function::new(
        "infinity",
        &[&[]],
        Returns::Double(|_| Ok(Some(f64::INFINITY))),
    ),
    Function::new("nan", &[&[]], Returns::Double(|_| Ok(Some(f64::NAN)))),
    Function::new(
        "is_finite",
        &[&[Double]],
        Returns::Boolean(|row| Ok(Some(row.double(0).is_finite()))),
    ),
    Function::new(
        "is_infinite",
        &[&[Double]],
        Returns::Boolean(|row| Ok(Some(row.double(0).is_infinite()))),
    ),
    Function::new(
        "is_nan",
        &[&[Double]],
        Returns::Boolean(|row| Ok(Some(row.double(0).is_nan()))),
    ),
    // DataFusion's own ends in an error for a negative number.
    Function::new(
        "sqrt",
        &[&[Double]],
        Returns::Double(|row| Ok(Some(row.double(0).sqrt()))),
    ),
    Function::new("from_base", &[&[Text, Bigint]], Returns::Bigint(from_base)),
    Function::new("to_base", &[&[Bigint, Bigint]], Returns::Text(to_base)),
    Function::new(
        "width_bucket",
        &[&[Double, Double, Double, Bigint]],
        Returns::Bigint(width_bucket),
    ),
    Function::new(
        "bitwise_and",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| Ok(Some(row.bigint(0) & row.bigint(1)))),
    ),
    Function::new(
        "bitwise_or",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| Ok(Some(row.bigint(0) | row.bigint(1)))),
    ),
    Function::new(
        "bitwise_xor",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| Ok(Some(row.bigint(0) ^ row.bigint(1)))),
    ),
    Function::new(
        "bitwise_not",
        &[&[Bigint]],
        Returns::Bigint(|row| Ok(Some(!row.bigint(0)))),
    ),
    Function::new(
        "bit_count",
        &[&[Bigint, Bigint]],
        Returns::Bigint(bit_count),
    ),
    Function::new(
        "bitwise_left_shift",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| Ok(Some(shifted(row, |value, by| value << by)))),
    ),
    Function::new(
        "bitwise_right_shift",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| Ok(Some(shifted(row, |value, by| (value as u64 >> by) as i64)))),
    ),
    Function::new(
        "bitwise_right_shift_arithmetic",
        &[&[Bigint, Bigint]],
        Returns::Bigint(|row| {
            let by = row.bigint(1).clamp(0, 63);
            Ok(Some(row.bigint(0) >> by))
        }),
    ),
    Function::new(
        "human_readable_seconds",
        &[&[Double]],
        Returns::Text(human_readable_seconds),
    ),
    Function::new(
        "wilson_interval_lower",
        &[&[Bigint, Bigint, Double]],
        Returns::Double(|row| wilson(row, -1.0)),
    ),
    Function::new(
        "wilson_interval_upper",
        &[&[Bigint, Bigint, Double]],
        Returns::Double(|row| wilson(row, 1.0)),
    ),
    Function::new(
        "parse_data_size",
        &[&[Text]],
        Returns::Double(parse_data_size),
    ),
];

fn radix(base: i64) -> Result<u32, Fault> {
    u32::try_from(base)
        .ok()
        .filter(|base| (2..=36).contains(base))
        .ok_or_else(|| {
            Fault::new(
                "the base of a number must lie between 2 and 36",
                "write another base",
            )
        })
}

fn from_base(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let radix = radix(row.bigint(1))?;
    let number = i64::from_str_radix(row.text(0), radix);
    number.map(Some).map_err(|_| {
        Fault::new(
            "`from_base` was given a text that is no number of that base",
            "leave such rows out, such as by WHERE regexp_like(text, '^[0-9]+$')",
        )
    })
}

fn to_base(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let radix = u64::from(radix(row.bigint(1))?);
    let mut rest = row.bigint(0).unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % radix) as u32, radix as u32).unwrap_or('0'));
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    if row.bigint(0) < 0 {
        digits.push('-');
    }
    Ok(Some(digits.iter().rev().collect()))
}

fn width_bucket(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let (operand, low, high, count) = (row.double(0), row.double(1), row.double(2), row.bigint(3));
    let wrong = |message: &str| Err(Fault::new(message, "write width_bucket(x, low, high, n)"));
    if count <= 0 {
        return wrong("the number of buckets of `width_bucket` must be positive");
    }
    if operand.is_nan() || !low.is_finite() || !high.is_finite() || low == high {
        return wrong("the bounds of `width_bucket` must be two different finite numbers");
    }
    // Bounds may be given from high to low.
    let (below, above) = match low < high {
        true => (operand < low, operand >= high),
        false => (operand > low, operand <= high),
    };
    if below {
        return Ok(Some(0));
    }
    if above {
        return Ok(Some(count.saturating_add(1)));
    }
    let below = (count as f64 * (operand - low) / (high - low)) as i64;
    Ok(Some(below.saturating_add(1)))
}

/// The ones among the lowest `bits` bits, as two's complement.
fn bit_count(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let (value, bits) = (row.bigint(0), row.bigint(1));
    if bits == 64 {
        return Ok(Some(i64::from(value.count_ones())));
    }
    let fits = (2..64).contains(&bits) && {
        let half = 1_i64 << (bits - 1);
        (-half..half).contains(&value)
    };
    if !fits {
        return Err(Fault::new(
            "`bit_count` takes a number that fits into 2 to 64 bits",
            "write bit_count(number, 64)",
        ));
    }
    let mask = (1_u64 << bits) - 1;
    Ok(Some(i64::from((value as u64 & mask).count_ones())))
}

fn shifted(row: &Row<'_>, shift: fn(i64, u32) -> i64) -> i64 {
    match u32::try_from(row.bigint(1)) {
        Ok(by) if by < 64 => shift(row.bigint(0), by),
        _ => 0,
    }
}

fn human_readable_seconds(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let seconds = row.double(0);
    if !seconds.is_finite() {
        return Err(Fault::new(
            "`human_readable_seconds` takes a finite number",
            "leave such rows out, by WHERE is_finite(x)",
        ));
    }
    let mut rest = seconds.abs().round() as u64;
    let mut parts = Vec::new();
    for (unit, length) in [
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
        ("second", 1),
    ] {
        let count = rest / length;
        rest %= length;
        if count > 0 || unit == "second" && parts.is_empty() {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {unit}{plural}"));
        }
    }
    Ok(Some(parts.join(", ")))
}

/// A bound of the Wilson score interval of `successes` in `trials`, at the z-score.
fn wilson(row: &Row<'_>, side: f64) -> Result<Option<f64>, Fault> {
    let (successes, trials, z) = (row.bigint(0), row.bigint(1), row.double(2));
    if successes < 0 || trials <= 0 || successes > trials || z.is_nan() || z < 0.0 {
        return Err(Fault::new(
            "an interval takes 0 <= successes <= trials, some trials and a z-score",
            "write wilson_interval_lower(successes, trials, 1.96)",
        ));
    }
    let (s, n) = (successes as f64, trials as f64);
    let p = s / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Ok(Some((centre + side * spread) / (1.0 + z * z / n)))
}

fn parse_data_size(row: &Row<'_>) -> Result<Option<f64>, Fault> {
    let text = row.text(0);
    let unit = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let number = text[..unit].parse::<f64>().ok();
    let power = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        .iter()
        .position(|known| *known == &text[unit..]);
    match (number, power) {
        (Some(number), Some(power)) => Ok(Some(number * 1024_f64.powi(power as i32))),
        _ => Err(Fault::new(
            "`parse_data_size` was given a text that is no size",
            "write a number and a unit: B, kB, MB, GB, TB, PB or EB",
        )),
    }
}
