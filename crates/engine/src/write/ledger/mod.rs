//! The account of a model: what became of each row it read.
//!
//! Every step balances to the row: rows in and those that a join added are rows
//! out and each reason for which rows were left out. A plan is followed from
//! its root along the rows that it is about, its *reading side*, down to the
//! table they come from; what is joined to them on the way decides about them
//! and is accounted for as the other side of a join.

mod numbers;
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
pub(crate) use totals::Totals;

/// Why rows of the reading side were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Their person does not agree.
    NoConsent,
    /// Their device is nobody's who agrees.
    NoOwner,
    /// They found no partner in another join.
    Unmatched,
    /// A condition did not hold.
    Filtered,
    /// Another row of their group was wanted.
    Superseded,
    /// They went into a row of their group.
    Grouped,
    /// An equal row was kept.
    Duplicate,
    /// A check of the contract leaves them out.
    LeftOut,
}

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
    /// Notes rows left out.
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
    let spine = follow(plan, tables, &mut joins);
    let mut whole = Entry {
        step: "build",
        source: spine.source,
        rows_in: spine.rows_in,
        rows_out: spine.rows,
        fan_out: spine.fan_out,
        reasons: spine.reasons,
    };
    whole.leave_out(Reason::Filtered, spine.passed_over);
    joins.push(whole);
    joins
}

/// Whether the accounts of parts add up to that of the whole: where the rows that
/// it is about are of scans that are divided into parts, and each operator on
/// their way tells what became of them one by one.
pub(crate) fn adds_up(
    plan: &Arc<dyn ExecutionPlan>,
    tables: &[&str],
    is_divided: impl Fn(usize) -> bool,
) -> bool {
    let spine = follow(plan, tables, &mut Vec::new());
    let is_in_one_part = |scans: &BTreeSet<usize>| scans.iter().any(|scan| is_divided(*scan));
    !spine.is_net && spine.origins.iter().all(is_in_one_part)
}

/// The reading side, up to some place of a plan.
#[derive(Debug, Default)]
struct Spine {
    /// Of the table that rows come from, or of the first of several.
    zone: String,
    source: String,
    /// The scans that they come from, all of each operator where rows begin: those
    /// of a union are of several, and a row of a join may begin there.
    origins: Vec<BTreeSet<usize>>,
    /// Whether rows that were added and rows that were left out somewhere are
    /// known by their difference alone.
    is_net: bool,
    rows_in: u64,
    /// Rows that come out there.
    rows: u64,
    /// Rows that the reader passed over for the join above it.
    passed_over: u64,
    fan_out: u64,
    /// How often rows were brought together on the way.
    groupings: u32,
    reasons: BTreeMap<Reason, u64>,
}

impl Spine {
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

    /// Of an operator that does not tell what became of the rows it read: an
    /// account begins with those that come out of it.
    fn begin_at(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let rows = rows_out(plan);
        Self {
            origins: vec![scans(plan)],
            ..Self::begin(ScannedTable::default(), rows, rows)
        }
    }

    /// Lets `rows` come out from here on; those that do not are left out.
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

fn follow(plan: &Arc<dyn ExecutionPlan>, tables: &[&str], joins: &mut Vec<Entry>) -> Spine {
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        let (rows, passed_over) = scan.counted();
        let read = scanned_table(plan).unwrap_or_default();
        let mut spine = Spine::begin(read, rows + passed_over, rows);
        spine.passed_over = passed_over;
        return spine;
    }
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        if let Some(held) = source.data_source().downcast_ref::<MemorySource>() {
            // Whoever reads what is held in memory reads all of it.
            return Spine::begin(held.table.clone(), held.rows(), held.rows());
        }
        let rows = rows_out(plan);
        // Rows of row groups that cannot match never leave the scan.
        let files = source.data_source().downcast_ref::<FileScanConfig>();
        let all = files.map(|files| files.statistics().num_rows);
        let all = match all {
            // A condition that is handed down makes the same number inexact.
            Some(Precision::Exact(all) | Precision::Inexact(all)) => (all as u64).max(rows),
            _ => rows,
        };
        let source = scanned_table(plan).unwrap_or_default();
        return Spine::begin(source, all, all).narrow(rows, Reason::Filtered);
    }
    if let Some(join) = plan.downcast_ref::<JoinExec>() {
        return of_join(join, tables, joins);
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return of_hash_join(plan, join, tables, joins);
    }
    if plan.is::<UnionExec>() || plan.is::<InterleaveExec>() {
        let mut all = Spine::default();
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
        // Its rows pass through; what else it reads gives one value.
        return follow(with_values.input(), tables, joins);
    }
    let [input] = plan.children()[..] else {
        return Spine::begin_at(plan);
    };
    let mut spine = follow(input, tables, joins);
    let reason = if let Some(grouping) = plan.downcast_ref::<AggregateExec>() {
        // How many rows of partial groups there are follows from the partitions.
        if grouping.mode().output_mode() == AggregateOutputMode::Partial {
            return spine;
        }
        Reason::Grouped
    } else if plan.is::<FirstExec>() {
        Reason::Superseded
    } else if plan.is::<UnnestExec>() {
        // Rows of no elements are not told from those of several.
        spine.is_net = true;
        Reason::Filtered
    } else if plan.is::<FilterExec>() || plan.is::<GlobalLimitExec>() || plan.fetch().is_some() {
        Reason::Filtered
    } else {
        return spine;
    };
    spine.groupings += u32::from(matches!(reason, Reason::Grouped | Reason::Superseded));
    spine.narrow(rows_out(plan), reason)
}

/// A join that is not ours: outer, anti and mark joins. Rows of the side that it
/// keeps come out, or are left out, one by one.
fn of_hash_join(
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    tables: &[&str],
    joins: &mut Vec<Entry>,
) -> Spine {
    let is_about_left = match join.join_type() {
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => true,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => false,
        // Which rows found no partner is not told, and of an empty side the other
        // one is not read to its end.
        JoinType::Inner => return Spine::begin_at(plan),
        JoinType::Full => {
            let weight = |side| weight(&follow(side, tables, &mut Vec::new()), tables);
            weight(join.left()) > weight(join.right())
        }
    };
    let (reading, other) = match is_about_left {
        true => (join.left(), join.right()),
        false => (join.right(), join.left()),
    };
    let mut spine = follow(reading, tables, joins);
    // Rows without a partner are not told from those with several.
    spine.is_net |= *join.join_type() == JoinType::Full;
    let (before, rows) = (spine.rows, rows_out(plan));
    let source = leaves(other);
    let is_semi = matches!(join.join_type(), JoinType::LeftSemi | JoinType::RightSemi);
    let reason = match is_semi {
        true => reason_for_none(&source, false),
        false => Reason::Unmatched,
    };
    let spine = spine.narrow(rows, reason);
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
    spine
}

/// Why a row is left out that finds no partner among the rows of `source`.
fn reason_for_none(source: &str, is_about_consent: bool) -> Reason {
    if source.contains(system::DEVICE_OWNER.name()) {
        Reason::NoOwner
    } else if is_about_consent {
        Reason::NoConsent
    } else {
        Reason::Unmatched
    }
}

fn of_join(join: &JoinExec, tables: &[&str], joins: &mut Vec<Entry>) -> Spine {
    let account = join.account();
    let (build, probe) = join.sides();
    let of_build = Side {
        rows: account.build_rows,
        unmatched: account.build_unmatched,
        pairs: account.pairs,
    };
    let of_probe = Side {
        rows: account.probe_rows,
        unmatched: account.probe_unmatched,
        pairs: account.pairs,
    };
    // Whichever side it is about is told by where its rows come from.
    let (mut by_build, mut by_probe) = (Vec::new(), Vec::new());
    let of_first = follow(build, tables, &mut by_build);
    let of_second = follow(probe, tables, &mut by_probe);
    let is_about_build = match join.kind() {
        Kind::BuildSemi => true,
        Kind::ProbeSemi => false,
        Kind::Inner => weight(&of_first, tables) > weight(&of_second, tables),
    };
    let (mut spine, before, mut side, other) = match is_about_build {
        true => (of_first, by_build, of_build, probe),
        false => (of_second, by_probe, of_probe, build),
    };
    if join.kind() != Kind::Inner {
        side = side.once();
    }
    joins.extend(before);
    let passed_over = std::mem::take(&mut spine.passed_over);
    let source = leaves(other);
    let is_about_consent = join.is_of_people() && join.kind() == Kind::Inner;
    let reason = reason_for_none(&source, is_about_consent);
    let mut entry = Entry {
        step: "join",
        source,
        rows_in: side.rows + passed_over,
        rows_out: side.pairs,
        fan_out: side.fan_out(),
        reasons: BTreeMap::new(),
    };
    entry.leave_out(reason, side.unmatched + passed_over);
    spine.fan_out += entry.fan_out;
    for (reason, rows) in &entry.reasons {
        *spine.reasons.entry(*reason).or_default() += rows;
    }
    spine.rows = side.pairs;
    joins.push(entry);
    spine
}

/// A join as one of its sides sees it.
#[derive(Debug, Clone, Copy)]
struct Side {
    rows: u64,
    unmatched: u64,
    pairs: u64,
}

impl Side {
    /// Of a semi join: rows with a partner come out once.
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

/// How much an inner join is about a side. Rows that arrived are what a model is
/// about before tables built of them, and those before what the system knows;
/// among equals, the side whose table the SELECT names first, and of one table
/// its rows before groups of them. Nothing of it depends on what the tables hold
/// at the time: an account is the sum of what several runs noted.
fn weight(
    spine: &Spine,
    tables: &[&str],
) -> (u32, Reverse<usize>, Reverse<u32>, Reverse<Option<usize>>) {
    let rank = match spine.zone.as_str() {
        LANDING => 2,
        system::ZONE => 0,
        _ => 1,
    };
    let named = tables.iter().position(|table| *table == spine.source);
    let named = named.unwrap_or(tables.len());
    // Which side of a join a table stands on is chosen by what it holds.
    let first = spine.origins.iter().flatten().min().copied();
    (
        rank,
        Reverse(named),
        Reverse(spine.groupings),
        Reverse(first),
    )
}

/// Rows that came out of an operator, all partitions together.
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

/// The tables below a plan, in order of their names: which side of a join they
/// stand on is the optimiser's choice.
fn leaves(plan: &Arc<dyn ExecutionPlan>) -> String {
    let read = tables_of(plan).into_iter().map(|(_, name)| name);
    let names: BTreeSet<String> = read.collect();
    Vec::from_iter(names).join(", ")
}
