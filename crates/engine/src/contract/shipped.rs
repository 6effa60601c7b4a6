//! Recognizes models that compute the same as the shipped models. Properties of their rows are
//! then known, and need not be checked again.

use catalog::{Model, Readings};
use datafusion::logical_expr::LogicalPlan;
use query::Session;

use super::subject_columns::TRAINING_SET;

/// The shipped models, by name.
const SHIPPED: [(&str, &str); 6] = [
    (
        "customer_trusted",
        include_str!("../../../../lakehouse/trusted/customer_trusted.sql"),
    ),
    (
        "accelerometer_trusted",
        include_str!("../../../../lakehouse/trusted/accelerometer_trusted.sql"),
    ),
    (
        "customer_curated",
        include_str!("../../../../lakehouse/curated/customer_curated.sql"),
    ),
    (
        "step_trainer_trusted",
        include_str!("../../../../lakehouse/trusted/step_trainer_trusted.sql"),
    ),
    (
        "machine_learning_curated",
        include_str!("../../../../lakehouse/curated/machine_learning_curated.sql"),
    ),
    (
        TRAINING_SET,
        include_str!("../../../../lakehouse/curated/training_set.sql"),
    ),
];

/// The models that decide which rows are in [`TRAINING_SET`]. As shipped, they output only
/// allowed rows. A run relies on that, because computing the allowed rows again costs more
/// than the table; `verify` computes them in any case.
pub(crate) const OF_TRAINING: [&str; 2] = ["machine_learning_curated", TRAINING_SET];

/// The models that decide which readings are trusted: as shipped, all readings of consenting
/// people and of their devices.
pub(crate) const OF_READINGS: [&str; 4] = [
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
];

/// Whether `model`, with this `plan`, computes the same as the shipped model of its name: both
/// statements have the same optimised plan.
pub(crate) async fn computes_the_same(
    session: &Session,
    model: &Model,
    plan: &LogicalPlan,
) -> bool {
    let mut shipped = SHIPPED.iter();
    let Some(select) = shipped
        .find(|(name, _)| model.name == **name)
        .and_then(|(_, file)| Some(file.split_once("*/")?.1))
    else {
        return false;
    };
    if model.sql.trim() == select.trim() {
        return true;
    }
    // The shipped model may not fit the project's tables.
    let Ok(shipped) = session.plan(select).await else {
        return false;
    };
    let state = session.state();
    match (state.optimize(plan), state.optimize(&shipped)) {
        (Ok(plan), Ok(shipped)) => plan == shipped,
        _ => false,
    }
}

/// The trusted table of a landing table's readings. If the models [`OF_READINGS`] are as
/// shipped, it has either all readings of a person or device, or none.
pub(crate) fn trusted_readings(readings: &Readings) -> Option<&'static str> {
    let columns = (readings.name.as_str(), readings.time.as_str());
    match (readings.table.as_ref(), columns) {
        ("accelerometer_landing", ("user", "timestamp")) => Some("accelerometer_trusted"),
        ("step_trainer_landing", ("serialnumber", "sensorreadingtime")) => {
            Some("step_trainer_trusted")
        }
        _ => None,
    }
}
