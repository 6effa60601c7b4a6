//! `skewness` and `kurtosis`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

/// Central moments of numbers, computed as they come (Welford; merged as Chan and others).
#[derive(Debug, Default)]
pub(crate) struct Moments {
    is_kurtosis: bool,
    count: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    pub(crate) fn new(is_kurtosis: bool) -> Self {
        Self {
            is_kurtosis,
            ..Self::default()
        }
    }

    fn merge(&mut self, other: &[f64; 5]) {
        let [count, mean, m2, m3, m4] = *other;
        if count == 0.0 {
            return;
        }
        let (na, nb) = (self.count, count);
        let n = na + nb;
        let delta = mean - self.mean;
        let m4 = self.m4
            + m4
            + delta.powi(4) * na * nb * (na * na - na * nb + nb * nb) / n.powi(3)
            + 6.0 * delta * delta * (na * na * m2 + nb * nb * self.m2) / (n * n)
            + 4.0 * delta * (na * m3 - nb * self.m3) / n;
        let m3 = self.m3
            + m3
            + delta.powi(3) * na * nb * (na - nb) / (n * n)
            + 3.0 * delta * (na * m2 - nb * self.m2) / n;
        self.m2 += m2 + delta * delta * na * nb / n;
        self.m3 = m3;
        self.m4 = m4;
        self.mean += delta * nb / n;
        self.count = n;
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Float64Type>().iter().flatten() {
            self.merge(&[1.0, value, 0.0, 0.0, 0.0]);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let n = self.count;
        let value = match self.is_kurtosis {
            false if n >= 3.0 => Some(n.sqrt() * self.m3 / self.m2.powf(1.5)),
            true if n >= 4.0 => {
                let variance = self.m2 / (n - 1.0);
                let scale = n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
                let excess = 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0));
                Some(scale * self.m4 / (variance * variance) - excess)
            }
            _ => None,
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = [self.count, self.mean, self.m2, self.m3, self.m4];
        Ok(state.map(ScalarValue::from).into())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states
            .iter()
            .map(|state| state.as_primitive::<Float64Type>())
            .collect();
        for row in 0..states[0].len() {
            let mut state = [0.0; 5];
            for (value, column) in state.iter_mut().zip(&columns) {
                *value = column.value(row);
            }
            self.merge(&state);
        }
        Ok(())
    }
}
