//! Figures whose every text holds markup.

use evidence::{
    Account, Attention, Change, CheckHistory, ColumnFigures, ColumnOrigin, Consent, ConsentCurve,
    ConsentPoint, Current, Distinct, Distribution, Edge, Figure, Growth, Histogram, LeftOut,
    Measure, Operation, OperationKind, OperationMessage, OperationStage, OperationState,
    OperationTable, OverTime, Overview, PeopleFlow, PerParty, PlannedTable, Point, PrivacyPage,
    ProjectChange, PurposeFigures, QuarantinePage, Quarantined, QuarantinedEntry, Ranked, Readings,
    ReleaseFigures, RunAccount, RunAt, RunCheck, RunDetail, RunModel, RunSummary, Series,
    SinglingOut, Spread, Step, TableFigures, TablePage, TablePlots, TableState, TellingColumn,
    Values, Verdict, VersionChange, Writer, Zone,
};
use pages::console::{
    Across, Chart, ChartForm, ChartKind, ChartSeries, Frame, Nav, PastQuery, PersonPage, QueryPage,
    QueryState, ResultColumn, SavedAs, SavedQuery, SqlError, SqlPage, Took,
};

/// Markup in every text that others choose.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>\" onclick=\"y\" '&amp;\u{202e}";

pub(crate) const NOW_MS: i64 = 1_796_051_238_000;

pub(crate) fn frame(path: &'static str) -> Frame<'static> {
    Frame {
        title: HOSTILE,
        lake: HOSTILE,
        user: Some(HOSTILE),
        role: Some(HOSTILE),
        csrf: HOSTILE,
        path,
        enhanced: false,
        nav: Nav::ALL,
        now_ms: NOW_MS,
    }
}

pub(crate) fn account() -> Account {
    Account {
        source: HOSTILE.to_owned(),
        rows_in: 10,
        fan_out: 1,
        rows_out: 5,
        left_out: vec![LeftOut {
            reason: HOSTILE.to_owned(),
            words: HOSTILE.to_owned(),
            rows: 6,
        }],
    }
}

pub(crate) fn step() -> Step {
    Step {
        step: "build".to_owned(),
        account: account(),
    }
}

pub(crate) fn table(zone: Zone, name: &str) -> TableFigures {
    let growth = |version: i64| Growth {
        version,
        at_ms: NOW_MS,
        rows: version.unsigned_abs() * 7 % 5,
    };
    TableFigures {
        zone,
        table: name.to_owned(),
        grain: Some(HOSTILE.to_owned()),
        rows: Some(1234),
        expected: Some(1235),
        verdict: Verdict::Warn,
        checks: 3,
        version: Some(29),
        published_ms: Some(NOW_MS - 5000),
        files: Some(2),
        bytes: Some(4321),
        steps: vec![step()],
        growth: (0..30).map(growth).collect(),
    }
}

pub(crate) fn edge(from: &str, to: &str) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        is_main: true,
        rows: Some(-81_273),
    }
}

pub(crate) fn every_attention() -> Vec<Attention> {
    let text = || HOSTILE.to_owned();
    vec![
        Attention::Check {
            table: text(),
            check: text(),
            verdict: Verdict::Fail,
            violations: 1,
        },
        Attention::Count {
            table: text(),
            rows: None,
            expected: 3,
        },
        Attention::NotBuilt { table: text() },
        Attention::Changed { table: text() },
        Attention::Damaged { table: text() },
        Attention::Writing {
            run: text(),
            command: text(),
            since_ms: i64::MIN,
        },
        Attention::Died {
            run: text(),
            command: Some(text()),
            since_ms: Some(0),
        },
        Attention::HalfPublished { release: 3 },
        Attention::Suspended { people: 2 },
        Attention::Undecodable { files: 1 },
        Attention::Quarantine {
            table: text(),
            places: 3,
        },
    ]
}

pub(crate) fn overview() -> Overview {
    Overview {
        release: Some(ReleaseFigures {
            number: 3,
            run: HOSTILE.to_owned(),
            at_ms: Some(NOW_MS),
        }),
        last_run: Some(run()),
        tables: vec![
            table(Zone::Landing, HOSTILE),
            table(Zone::Trusted, "b c"),
            table(Zone::Curated, "c"),
            table(Zone::System, "runs"),
        ],
        edges: vec![
            edge(HOSTILE, "b c"),
            edge("b c", "c"),
            edge("system.runs", "c"),
        ],
        attention: every_attention(),
        checks: 2,
        expected_from: Some(HOSTILE.to_owned()),
    }
}

pub(crate) fn run() -> RunSummary {
    RunSummary {
        run: HOSTILE.to_owned(),
        started_ms: Some(NOW_MS),
        ended_ms: Some(NOW_MS + 1234),
        models: 1,
        rows_in: -1,
        rows_out: 2,
        checks: 3,
        warned: 1,
        failed: 0,
        outcome: HOSTILE.to_owned(),
    }
}

pub(crate) fn check() -> RunCheck {
    RunCheck {
        table: HOSTILE.to_owned(),
        check: HOSTILE.to_owned(),
        verdict: Verdict::Warn,
        violations: 1,
    }
}

pub(crate) fn run_detail() -> RunDetail {
    RunDetail {
        summary: run(),
        models: vec![RunModel {
            zone: Some(Zone::Trusted),
            table: HOSTILE.to_owned(),
            started_ms: Some(NOW_MS),
            ended_ms: Some(NOW_MS - 1),
            rows_in: None,
            rows_out: Some(3),
            duplicates: Some(0),
            files: Some(1),
            version: Some(3),
            outcome: HOSTILE.to_owned(),
        }],
        results: vec![check()],
        accounts: vec![RunAccount {
            zone: Some(Zone::Trusted),
            table: HOSTILE.to_owned(),
            steps: vec![step()],
        }],
        before: Some(HOSTILE.to_owned()),
        after: Some("abc".to_owned()),
    }
}

pub(crate) fn table_page() -> TablePage {
    let origin = || ColumnOrigin {
        table: HOSTILE.to_owned(),
        column: HOSTILE.to_owned(),
        personal: true,
        influence: "masked".to_owned(),
    };
    TablePage {
        figures: table(Zone::Curated, HOSTILE),
        location: HOSTILE.to_owned(),
        also: vec![HOSTILE.to_owned()],
        file: Some(HOSTILE.to_owned()),
        contract: Some(HOSTILE.to_owned()),
        sql: Some(HOSTILE.to_owned()),
        is_anonymous: true,
        columns: vec![ColumnFigures {
            column: HOSTILE.to_owned(),
            kind: HOSTILE.to_owned(),
            personal: true,
            comment: Some(HOSTILE.to_owned()),
            from: vec![origin()],
            landing: vec![],
        }],
        row_origins: vec![origin()],
        checks: vec![CheckHistory {
            check: HOSTILE.to_owned(),
            action: HOSTILE.to_owned(),
            verdict: None,
            in_runs: vec![Some(1), None],
        }],
        runs: ["a", HOSTILE]
            .map(|run| RunAt {
                run: run.to_owned(),
                started_ms: None,
            })
            .to_vec(),
        versions: vec![VersionChange {
            version: 29,
            at_ms: NOW_MS,
            run: None,
            operation: HOSTILE.to_owned(),
            rows: Some(3),
            rows_change: Some(-3),
            is_same_content: Some(true),
            files_added: 1,
            rows_added: 1,
            files_removed: 1,
        }],
        versions_more: 3,
        edges: vec![edge(HOSTILE, "x"), edge("y", HOSTILE)],
    }
}

pub(crate) fn privacy_page() -> PrivacyPage {
    let quarantined = Quarantined {
        table: HOSTILE.to_owned(),
        reason: HOSTILE.to_owned(),
        is_dropped: false,
        places: 3,
        bytes: 3,
    };
    PrivacyPage {
        consent: Consent {
            people: Some(3),
            purposes: vec![PurposeFigures {
                purpose: HOSTILE.to_owned(),
                in_force: 1,
                ended: 1,
                later: 1,
            }],
            suspended: 1,
            undecodable: 1,
            ..Consent::default()
        },
        curves: vec![ConsentCurve {
            purpose: HOSTILE.to_owned(),
            points: vec![ConsentPoint {
                at_ms: i64::MAX,
                in_force: u64::MAX,
            }],
        }],
        flows: vec![PeopleFlow {
            zone: Zone::Trusted,
            table: HOSTILE.to_owned(),
            whose: HOSTILE.to_owned(),
            rows: Some(3),
            steps: vec![step()],
        }],
        gates: vec![check()],
        suspending: vec![quarantined],
        person_records: Some(HOSTILE.to_owned()),
        personal: vec![evidence::PersonalColumns {
            zone: Zone::Landing,
            table: HOSTILE.to_owned(),
            columns: vec![HOSTILE.to_owned()],
        }],
    }
}

pub(crate) fn quarantine_page() -> QuarantinePage {
    QuarantinePage {
        totals: privacy_page().suspending,
        entries: vec![QuarantinedEntry {
            id: HOSTILE.to_owned(),
            table: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            detail: HOSTILE.to_owned(),
            line: 3,
            bytes: 3,
            places: 3,
            is_dropped: false,
        }],
        offset: 1,
        count: 3,
    }
}

pub(crate) fn query_page(state: QueryState) -> QueryPage {
    QueryPage {
        id: HOSTILE.to_owned(),
        statement: format!("select 1\n{HOSTILE}"),
        state,
        rows: 1000,
        truncated: true,
        took: Took {
            ms: 1234,
            rows_read: 8_127_300,
            memory_bytes: 1_000_000,
            peak_memory_bytes: 45_000_000,
        },
        saved_as: saved_as(),
        columns: [(HOSTILE, false), ("n", true)]
            .map(|(name, is_number)| ResultColumn {
                name: name.to_owned(),
                kind: HOSTILE.to_owned(),
                is_number,
            })
            .to_vec(),
        cells: vec![
            vec![Some(HOSTILE.to_owned()), None],
            vec![None, Some("3".to_owned())],
        ],
        offset: 100,
        page_rows: 100,
        error: (state == QueryState::Failed).then(error),
        chart_form: ChartForm {
            kind: ChartKind::Bar,
            x: Some(HOSTILE.to_owned()),
            y: vec![HOSTILE.to_owned(), "n".to_owned()],
            by: Some(HOSTILE.to_owned()),
        },
        chart: Some(Chart {
            kind: ChartKind::Bar,
            label: HOSTILE.to_owned(),
            across: Across::Names(vec![HOSTILE.to_owned()]),
            series: ["n", HOSTILE]
                .map(|name| ChartSeries {
                    name: name.to_owned(),
                    points: vec![(0.0, Some(3.0))],
                })
                .to_vec(),
            series_left_out: 1,
            rows: 1,
            rows_total: 2,
        }),
    }
}

fn saved_as() -> SavedAs {
    SavedAs {
        id: Some(HOSTILE.to_owned()),
        name: HOSTILE.to_owned(),
    }
}

pub(crate) fn error() -> SqlError {
    SqlError {
        message: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
        line: Some(2),
        column: Some(3),
    }
}

pub(crate) fn sql_page() -> SqlPage {
    let states = [
        QueryState::Waiting,
        QueryState::Running,
        QueryState::Done,
        QueryState::Failed,
        QueryState::Cancelled,
    ];
    SqlPage {
        statement: format!("\nselect\n{HOSTILE}</textarea>"),
        error: Some(error()),
        saved_as: saved_as(),
        saved: vec![SavedQuery {
            id: HOSTILE.to_owned(),
            name: HOSTILE.to_owned(),
            statement: HOSTILE.to_owned(),
            at: NOW_MS,
        }],
        saved_error: None,
        history: states
            .map(|state| PastQuery {
                id: HOSTILE.to_owned(),
                statement: HOSTILE.to_owned(),
                state,
                rows: 3,
                ms: 3,
                at: NOW_MS,
            })
            .to_vec(),
    }
}

pub(crate) fn person_page() -> PersonPage {
    PersonPage {
        email: HOSTILE.to_owned(),
        known_by: Some(HOSTILE.to_owned()),
        intervals: vec![(HOSTILE.to_owned(), 0, Some(1), HOSTILE.to_owned())],
        entries: vec![(0, HOSTILE.to_owned(), HOSTILE.to_owned(), 0)],
        suspended_by: vec![(HOSTILE.to_owned(), 1)],
    }
}

pub(crate) fn singling_out() -> Vec<SinglingOut> {
    let column = TellingColumn {
        column: HOSTILE.to_owned(),
        rows: 1,
        people: 1,
    };
    [vec![column], vec![]]
        .map(|columns| SinglingOut {
            table: HOSTILE.to_owned(),
            rows: 3,
            people: Some(2),
            groups_of_at_least: None,
            columns,
        })
        .to_vec()
}

pub(crate) fn current(state: OperationState) -> Current {
    let states = [
        TableState::Waiting,
        TableState::Reading,
        TableState::Building,
        TableState::Built,
        TableState::Checking,
        TableState::Published,
        TableState::Unchanged,
        TableState::Failed,
        TableState::Dropped,
    ];
    let tables = (0..).zip(states).map(|(number, state)| OperationTable {
        zone: (number % 2 == 0).then_some(Zone::Trusted),
        table: HOSTILE.to_owned(),
        state,
        rows: number * 1000,
        began_ms: (number > 0).then_some(number * 10),
        ended_ms: (number > 2).then_some(u64::MAX),
    });
    let messages = ["error", "warning", HOSTILE].map(|level| OperationMessage {
        level: level.to_owned(),
        text: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
    });
    let plan = [
        Change::New,
        Change::Columns,
        Change::Contract,
        Change::Nothing,
    ];
    let plan = plan.map(|change| PlannedTable {
        zone: HOSTILE.to_owned(),
        table: HOSTILE.to_owned(),
        change,
        rows_now: None,
        rows: 5,
        rows_entering: u64::from(u32::MAX),
        rows_leaving: 3,
        people_entering: Some(1),
        people_leaving: None,
    });
    let operation = Operation {
        operation: OperationKind::FullRun,
        state,
        stage: OperationStage::Checking,
        by: HOSTILE.to_owned(),
        started_ms: NOW_MS - 1000,
        elapsed_ms: 1000,
        run: Some(HOSTILE.to_owned()),
        code: Some(3),
        tables: tables.collect(),
        published: Vec::new(),
        checks: run_detail().results,
        messages: messages.into(),
        messages_more: 3,
        plan: Some(plan.into()),
    };
    Current {
        operation: Some(operation),
        writer: None,
        project_change: Some(ProjectChange::Tables {
            tables: vec![HOSTILE.to_owned()],
        }),
    }
}

pub(crate) fn of_another_process() -> Current {
    Current {
        operation: None,
        writer: Some(Writer {
            told: HOSTILE.to_owned(),
            run: HOSTILE.to_owned(),
            command: HOSTILE.to_owned(),
            since_ms: NOW_MS - 1000,
        }),
        project_change: Some(ProjectChange::Faulty {
            faults: HOSTILE.to_owned(),
        }),
    }
}

fn histogram(measure: Measure, low: f64, step: f64, counts: Vec<u64>) -> Histogram {
    Histogram {
        measure,
        low,
        step,
        is_whole: true,
        least: low,
        greatest: low + step * (counts.len() as f64 - 0.5),
        counts,
        nulls: 3,
        not_finite: 2,
        outside: 1,
    }
}

/// Figures that nobody would expect, one of each kind.
fn distributions() -> Vec<Distribution> {
    let distinct = Distinct {
        values: 7,
        is_exact: false,
        nulls: 1,
    };
    let few = vec![(HOSTILE.repeat(3), 9), (String::new(), 1)];
    let all = [
        Values::Personal(None),
        Values::Personal(Some(distinct)),
        Values::None,
        Values::Many(distinct),
        Values::Undrawn,
        Values::Few {
            values: few,
            others: 1,
            nulls: 2,
        },
        Values::Histogram(histogram(Measure::Number, 0.0, 1.0, Vec::new())),
        Values::Histogram(histogram(Measure::Number, -1.0, 1.0, vec![1, 0, 5])),
        Values::Histogram(histogram(
            Measure::Number,
            f64::MIN,
            f64::MAX / 8.0,
            vec![0; 16],
        )),
        Values::Histogram(histogram(Measure::Elapsed, -5e9, 864e5, vec![7; 400])),
        Values::Histogram(histogram(
            Measure::Instant,
            1.7e12,
            3e9,
            vec![0, u64::MAX / 2],
        )),
    ];
    let all = all.into_iter().map(|values| Distribution {
        column: HOSTILE.to_owned(),
        kind: HOSTILE.to_owned(),
        comment: Some(HOSTILE.to_owned()),
        values,
    });
    all.collect()
}

pub(crate) fn table_plots() -> TablePlots {
    let spread = |value: f64| Spread {
        least: value,
        mean: value,
        greatest: value * 2.0,
    };
    let point = |at: f64| Point {
        at,
        rows: 2,
        values: vec![Some(spread(at)), Some(spread(f64::MAX / 2.0)), None],
    };
    let series = |source: Option<&str>| Series {
        column: HOSTILE.to_owned(),
        source: source.map(str::to_owned),
    };
    let times = [1.7e12, 1.7e12 + 1.0, 1.7e12 + 2.0, 1.8e12];
    TablePlots {
        zone: Zone::Curated,
        table: HOSTILE.to_owned(),
        version: Some(3),
        rows: 12,
        over_time: Some(Figure::Ready(OverTime {
            column: HOSTILE.to_owned(),
            histogram: histogram(Measure::Instant, 1.7e12, 864e5, vec![0, 3, 9]),
        })),
        parties: vec![HOSTILE.to_owned(), "b c".to_owned()],
        per_party: Some(Figure::Ready(PerParty {
            column: HOSTILE.to_owned(),
            parties: 9,
            unnamed: 1,
            median: 2,
            histogram: histogram(Measure::Number, 1.0, 1.0, vec![8, 1]),
        })),
        readings: Some(Figure::Ready(Readings {
            of: Some(Ranked {
                column: HOSTILE.to_owned(),
                rank: 2,
                of: 9,
            }),
            time: HOSTILE.to_owned(),
            measure: Measure::Instant,
            rows: 8,
            undated: 1,
            series: vec![series(Some(HOSTILE)), series(Some("b")), series(None)],
            points: times.map(point).into(),
            series_more: 2,
        })),
        distributions: Figure::Ready(distributions()),
        columns_more: 5,
    }
}

/// Of a table whose figures cannot be gathered.
pub(crate) fn failed_plots() -> TablePlots {
    fn failed<T>() -> Figure<T> {
        Figure::Failed {
            message: HOSTILE.to_owned(),
            hint: Some(HOSTILE.to_owned()),
        }
    }
    TablePlots {
        over_time: Some(failed()),
        per_party: Some(failed()),
        readings: Some(failed()),
        distributions: failed(),
        ..table_plots()
    }
}
