//! Python's functions that make lists of numbers and lists.

use super::value::{Args, Value};

/// The longest list that `range` makes.
const RANGE_MAX: i64 = 1_000;

/// `range`, `enumerate` or `zip` of what is known.
pub(super) fn of(name: &str, args: &Args) -> Value {
    let unknown = || Value::Unknown(format!("`{name}` is known only when the job runs"));
    let found = match (name, args.positional.as_slice()) {
        _ if !args.keywords.is_empty() => None,
        ("range", bounds) => range(bounds),
        ("enumerate", [Value::List(values)]) => {
            let pairs = values.iter().enumerate();
            let pairs = pairs.map(|(at, value)| vec![Value::Number(at.to_string()), value.clone()]);
            Some(pairs.map(Value::List).collect())
        }
        ("zip", [Value::List(a), Value::List(b)]) => {
            let pairs = a.iter().zip(b);
            let pairs = pairs.map(|(a, b)| Value::List(vec![a.clone(), b.clone()]));
            Some(pairs.collect())
        }
        _ => None,
    };
    found.map_or_else(unknown, |values| Value::List(values).bounded())
}

fn range(bounds: &[Value]) -> Option<Vec<Value>> {
    let bounds = bounds.iter().map(|bound| match bound {
        Value::Number(number) => number.parse::<i64>().ok(),
        _ => None,
    });
    let (first, end) = match bounds.collect::<Option<Vec<i64>>>()?.as_slice() {
        [end] => (0, *end),
        [first, end] => (*first, *end),
        _ => return None,
    };
    let is_short = end.checked_sub(first)? <= RANGE_MAX;
    is_short.then(|| {
        (first..end)
            .map(|number| Value::Number(number.to_string()))
            .collect()
    })
}
