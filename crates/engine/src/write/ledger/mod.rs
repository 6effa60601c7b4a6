//! Computes a model's account from the metrics of its executed plan: how many rows it
//! read, wrote, and left out for which reason.
//!
//! In every entry: rows in + rows that joins added = rows out + rows left out. The account
//! is about the rows of one input of the plan. The plan is followed from its root down one
//! side of each join, the *driving side*, to the scan of that input. The other side of a
//! join only decides which rows remain; it has an entry of its own.

mod numbers;
mod reason;
mod totals;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::stats::Precision;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::unnest::UnnestExec;
use query::join::{JoinExec, Kind};
use query::landing::LandingScan;
use query::plan_tables::{scanned_table, tables as tables_of};
use query::scan::{LANDING, ScannedTable};
use query::tables::memory_table::MemorySource;
use query::{FirstExec, system};

pub(crate) use numbers::{numbered, plan_to_account_for};
pub(crate) use reason::Reason;
pub(crate) use totals::Totals;

/// One step and its account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `join` or `build`.
    pub(crate) step: &'static str,
    /// The table that rows are read from, or are joined to.
    pub(crate) source: String,
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    /// Rows that joins added.
    pub(crate) fan_out: u64,
    pub(crate) reasons: BTreeMap<Reason, u64>,
}

impl Entry {
    /// Counts rows that were left out.
    pub(crate) fn leave_out(&mut self, reason: Reason, rows: u64) {
        if rows > 0 {
            *self.reasons.entry(reason).or_default() += rows;
        }
    }

    /// Rows left out for `reason`.
    pub(crate) fn left_out(&self, reason: Reason) -> u64 {
        self.reasons.get(&reason).copied().unwrap_or_default()
    }

    /// Whether every row is accounted for.
    pub(crate) fn balances(&self) -> bool {
        let reasons: u64 = self.reasons.values().sum();
        self.rows_in + self.fan_out == self.rows_out + reasons
    }
}

/// The account of an executed plan: its joins in the order in which rows meet
/// them, then the whole.
///
/// `tables` are those that the SELECT reads, in the order in which it names them.
pub(crate) fn account(plan: &Arc<dyn ExecutionPlan>, tables: &[&str]) -> Vec<Entry> {
    let mut joins = Vec::new();
    let side = follow(plan, tables, &mut joins);
    let mut whole = Entry {
        step: "build",
        source: side.source,
        rows_in: side.rows_in,
        rows_out: side.rows,
        fan_out: side.fan_out,
        reasons: side.reasons,
    };
    whole.leave_out(Reason::Filtered, side.passed_over);
    joins.push(whole);
    joins
}

/// Whether the accounts of the parts of an input add up to the account of the whole. They
/// do if all rows of the driving side come from scans that are divided into these parts,
/// and no operator reports only the net change of its rows.
pub(crate) fn adds_up(
    plan: &Arc<dyn ExecutionPlan>,
    tables: &[&str],
    is_divided: impl Fn(usize) -> bool,
) -> bool {
    let side = follow(plan, tables, &mut Vec::new());
    let is_in_one_part = |scans: &BTreeSet<usize>| scans.iter().any(|scan| is_divided(*scan));
    !side.is_net && side.origins.iter().all(is_in_one_part)
}

/// The driving side of a plan, from its scan up to some operator.
#[derive(Debug, Default)]
struct DrivingSide {
    /// Zone of the table that the rows come from; of the first, if there are several.
    zone: String,
    source: String,
    /// For each leaf of the driving side, the numbers of its scans. A union has several
    /// leaves; a join that reports too little is one leaf with several scans.
    origins: Vec<BTreeSet<usize>>,
    /// Whether some operator reports only the difference between added and left-out rows.
    is_net: bool,
    rows_in: u64,
    /// Rows that this operator outputs.
    rows: u64,
    /// Rows that the landing reader skipped for the join above it.
    passed_over: u64,
    fan_out: u64,
    /// Number of groupings on the way.
    groupings: u32,
    reasons: BTreeMap<Reason, u64>,
}

impl DrivingSide {
    fn begin(read: ScannedTable, rows_in: u64, rows: u64) -> Self {
        Self {
            zone: read.zone,
            source: read.table,
            origins: vec![BTreeSet::from_iter(read.number)],
            rows_in,
            rows,
            ..Self::default()
        }
    }

    /// Begins at an operator that does not report what happened to its input. The account
    /// starts with its output.
    fn begin_at(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let rows = rows_out(plan);
        Self {
            origins: vec![scans(plan)],
            ..Self::begin(ScannedTable::default(), rows, rows)
        }
    }

    /// Sets the number of output rows. Missing rows are left out for `reason`; additional
    /// ones are fan-out.
    fn narrow(mut self, rows: u64, reason: Reason) -> Self {
        let fewer = self.rows.saturating_sub(rows);
        self.fan_out += rows.saturating_sub(self.rows);
        if fewer > 0 {
            *self.reasons.entry(reason).or_default() += fewer;
        }
        self.rows = rows;
        self
    }
}

fn follow(plan: &Arc<dyn ExecutionPlan>, tables: &[&str], joins: &mut Vec<Entry>) -> DrivingSide {
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        let (rows, passed_over) = scan.counted();
        let read = scanned_table(plan).unwrap_or_default();
        let mut side = DrivingSide::begin(read, rows + passed_over, rows);
        side.passed_over = passed_over;
        return side;
    }
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        if let Some(memory) = source.data_source().downcast_ref::<MemorySource>() {
            // A table in memory is always read completely.
            return DrivingSide::begin(memory.table.clone(), memory.rows(), memory.rows());
        }
        let rows = rows_out(plan);
        // The scan skips row groups that cannot match.
        let files = source.data_source().downcast_ref::<FileScanConfig>();
        let all = files.map(|files| files.statistics().num_rows);
        let all = match all {
            // A filter that is pushed down makes the same number inexact.
            Some(Precision::Exact(all) | Precision::Inexact(all)) => (all as u64).max(rows),
            _ => rows,
        };
        let source = scanned_table(plan).unwrap_or_default();
        return DrivingSide::begin(source, all, all).narrow(rows, Reason::Filtered);
    }
    if let Some(join) = plan.downcast_ref::<JoinExec>() {
        return of_join(join, tables, joins);
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return of_hash_join(plan, join, tables, joins);
    }
    if plan.is::<UnionExec>() || plan.is::<InterleaveExec>() {
        let mut all = DrivingSide::default();
        for part in plan.children() {
            let part = follow(part, tables, joins);
            if !all.source.split(", ").any(|source| source == part.source) {
                let comma = if all.source.is_empty() { "" } else { ", " };
                all.source = format!("{}{comma}{}", all.source, part.source);
            }
            if all.zone.is_empty() {
                all.zone = part.zone;
            }
            all.origins.extend(part.origins);
            all.is_net |= part.is_net;
            all.rows_in += part.rows_in;
            all.rows += part.rows;
            all.passed_over += part.passed_over;
            all.fan_out += part.fan_out;
            for (reason, rows) in part.reasons {
                *all.reasons.entry(reason).or_default() += rows;
            }
        }
        return all;
    }
    if let Some(with_values) = plan.downcast_ref::<ScalarSubqueryExec>() {
        // The rows of its input pass through; its subqueries give one value each.
        return follow(with_values.input(), tables, joins);
    }
    let [input] = plan.children()[..] else {
        return DrivingSide::begin_at(plan);
    };
    let mut side = follow(input, tables, joins);
    let reason = if let Some(grouping) = plan.downcast_ref::<AggregateExec>() {
        // The number of partial groups depends on the partitions.
        if grouping.mode().output_mode() == AggregateOutputMode::Partial {
            return side;
        }
        Reason::Grouped
    } else if plan.is::<FirstExec>() {
        Reason::Superseded
    } else if plan.is::<UnnestExec>() {
        // Metrics do not distinguish rows without elements from rows with several.
        side.is_net = true;
        Reason::Filtered
    } else if plan.is::<FilterExec>() || plan.is::<GlobalLimitExec>() || plan.fetch().is_some() {
        Reason::Filtered
    } else {
        return side;
    };
    side.groupings += u32::from(matches!(reason, Reason::Grouped | Reason::Superseded));
    side.narrow(rows_out(plan), reason)
}

/// A hash join of DataFusion: outer, anti and mark joins. Each row of the preserved side is
/// output or left out.
fn of_hash_join(
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    tables: &[&str],
    joins: &mut Vec<Entry>,
) -> DrivingSide {
    let is_about_left = match join.join_type() {
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => true,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => false,
        // It does not report unmatched rows, and if one side is empty it does not read
        // the other to its end.
        JoinType::Inner => return DrivingSide::begin_at(plan),
        JoinType::Full => {
            let weight = |side| weight(&follow(side, tables, &mut Vec::new()), tables);
            weight(join.left()) > weight(join.right())
        }
    };
    let (driving, other) = match is_about_left {
        true => (join.left(), join.right()),
        false => (join.right(), join.left()),
    };
    let mut side = follow(driving, tables, joins);
    // Metrics do not distinguish rows without a match from rows with several.
    side.is_net |= *join.join_type() == JoinType::Full;
    let (before, rows) = (side.rows, rows_out(plan));
    let source = leaves(other);
    let is_semi = matches!(join.join_type(), JoinType::LeftSemi | JoinType::RightSemi);
    let reason = match is_semi {
        true => reason_for_none(&source, false),
        false => Reason::Unmatched,
    };
    let side = side.narrow(rows, reason);
    let mut entry = Entry {
        step: "join",
        source,
        rows_in: before,
        rows_out: rows,
        fan_out: rows.saturating_sub(before),
        ..Entry::default()
    };
    entry.leave_out(reason, before.saturating_sub(rows));
    joins.push(entry);
    side
}

/// Why a row without a match among the rows of `source` is left out.
fn reason_for_none(source: &str, is_about_consent: bool) -> Reason {
    if source.contains(system::DEVICE_OWNER.name()) {
        Reason::NoOwner
    } else if is_about_consent {
        Reason::NoConsent
    } else {
        Reason::Unmatched
    }
}

fn of_join(join: &JoinExec, tables: &[&str], joins: &mut Vec<Entry>) -> DrivingSide {
    let account = join.account();
    let (build, probe) = join.sides();
    let build_rows = JoinRows {
        rows: account.build_rows,
        unmatched: account.build_unmatched,
        pairs: account.pairs,
    };
    let probe_rows = JoinRows {
        rows: account.probe_rows,
        unmatched: account.probe_unmatched,
        pairs: account.pairs,
    };
    // The origin of the rows decides which side is the driving one.
    let (mut build_joins, mut probe_joins) = (Vec::new(), Vec::new());
    let build_side = follow(build, tables, &mut build_joins);
    let probe_side = follow(probe, tables, &mut probe_joins);
    let is_build_driving = match join.kind() {
        Kind::BuildSemi => true,
        Kind::ProbeSemi => false,
        Kind::Inner => weight(&build_side, tables) > weight(&probe_side, tables),
    };
    let (mut side, before, mut counted, other) = match is_build_driving {
        true => (build_side, build_joins, build_rows, probe),
        false => (probe_side, probe_joins, probe_rows, build),
    };
    if join.kind() != Kind::Inner {
        counted = counted.once();
    }
    joins.extend(before);
    let passed_over = std::mem::take(&mut side.passed_over);
    let source = leaves(other);
    let is_about_consent = join.is_of_people() && join.kind() == Kind::Inner;
    let reason = reason_for_none(&source, is_about_consent);
    let mut entry = Entry {
        step: "join",
        source,
        rows_in: counted.rows + passed_over,
        rows_out: counted.pairs,
        fan_out: counted.fan_out(),
        reasons: BTreeMap::new(),
    };
    entry.leave_out(reason, counted.unmatched + passed_over);
    side.fan_out += entry.fan_out;
    for (reason, rows) in &entry.reasons {
        *side.reasons.entry(*reason).or_default() += rows;
    }
    side.rows = counted.pairs;
    joins.push(entry);
    side
}

/// The rows of a join, counted for one of its sides.
#[derive(Debug, Clone, Copy)]
struct JoinRows {
    rows: u64,
    unmatched: u64,
    pairs: u64,
}

impl JoinRows {
    /// For a semi join: rows with a match are output once.
    fn once(self) -> Self {
        Self {
            pairs: self.rows - self.unmatched,
            ..self
        }
    }

    fn fan_out(self) -> u64 {
        (self.pairs + self.unmatched).saturating_sub(self.rows)
    }
}

/// Priority of a side to be the driving side of an inner join: landing tables before models
/// before system tables; then the table that the SELECT names first; then rows before
/// groups. It does not depend on the data, because the accounts of several runs are added
/// up.
fn weight(
    side: &DrivingSide,
    tables: &[&str],
) -> (u32, Reverse<usize>, Reverse<u32>, Reverse<Option<usize>>) {
    let rank = match side.zone.as_str() {
        LANDING => 2,
        system::ZONE => 0,
        _ => 1,
    };
    let named = tables.iter().position(|table| *table == side.source);
    let named = named.unwrap_or(tables.len());
    // The optimiser swaps the sides of a join according to the data; scans keep their
    // numbers.
    let first = side.origins.iter().flatten().min().copied();
    (
        rank,
        Reverse(named),
        Reverse(side.groupings),
        Reverse(first),
    )
}

/// Rows that an operator output, all partitions together.
fn rows_out(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let rows = plan.metrics().and_then(|metrics| metrics.output_rows());
    rows.unwrap_or_default() as u64
}

/// The numbers of all scans below a plan.
fn scans(plan: &Arc<dyn ExecutionPlan>) -> BTreeSet<usize> {
    let below = plan.children().into_iter().flat_map(scans);
    let own = scanned_table(plan).and_then(|read| read.number);
    own.into_iter().chain(below).collect()
}

/// The tables below a plan, in order of their names, because the optimiser chooses the
/// sides of joins.
fn leaves(plan: &Arc<dyn ExecutionPlan>) -> String {
    let read = tables_of(plan).into_iter().map(|(_, name)| name);
    let names: BTreeSet<String> = read.collect();
    Vec::from_iter(names).join(", ")
}
