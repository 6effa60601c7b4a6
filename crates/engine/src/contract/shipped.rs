//! Models that compute what the shipped ones do: what holds of their rows is known
//! beforehand, and need not be derived anew.

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

/// The models that decide which rows are in [`TRAINING_SET`]. As shipped, what
/// they give is what may be there. A run takes that for an answer, since
/// deriving the rows anew costs more than making them; `verify` derives them in
/// any case.
pub(crate) const OF_TRAINING: [&str; 2] = ["machine_learning_curated", TRAINING_SET];

/// The models that decide whose readings are trusted: as shipped, all readings
/// of a person who agrees, and of their device.
pub(crate) const OF_READINGS: [&str; 4] = [
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
];

/// Whether `model`, of which `plan` is the plan, computes what the shipped model of its
/// name does: both statements have one optimised plan.
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
    // Over other tables it may not even plan.
    let Ok(shipped) = session.plan(select).await else {
        return false;
    };
    let state = session.state();
    match (state.optimize(plan), state.optimize(&shipped)) {
        (Ok(own), Ok(shipped)) => own == shipped,
        _ => false,
    }
}

/// The trusted table that holds all readings of a landing table's people or devices,
/// of whom it holds any, if the models [`OF_READINGS`] are as shipped.
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
