//! Generates random models from a grammar over all tables: landing, the product's
//! own, the system's, and earlier random models.
//!
//! Most models declare whose rows they hold, as the program requires for tables
//! with personal rows. The program may refuse the others, and statements that do
//! not plan, before anything runs.

use crate::random::Dice;

/// A model: its path in the project, and its text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    zone: &'static str,
    pub(crate) text: String,
}

impl Model {
    pub(crate) fn file(&self) -> String {
        format!("{}/{}.sql", self.zone, self.name)
    }

    /// Its path in a lake.
    pub(crate) fn table(&self) -> String {
        format!("{}/{}", self.zone, self.name)
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:\n{}", self.file(), self.text)
    }
}

/// The names of models.
pub(crate) const NAMES: [&str; 6] = ["r1", "r2", "r3", "r4", "r5", "r6"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Long,
    Real,
    Flag,
}

/// What a column tells about the person of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Person,
    Device,
    Nobody,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
    of: Of,
    personal: bool,
}

#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// The table holds rows of everybody, with or without consent.
    of_everybody: bool,
}

/// A column of one of the tables that a SELECT reads.
#[derive(Debug, Clone)]
struct Given {
    sql: String,
    column: Column,
    /// Null where a join found no partner.
    optional: bool,
}

fn table(name: &str, of_everybody: bool, columns: &[(&str, Kind, Of, bool)]) -> Table {
    let columns = columns.iter().map(|(name, kind, of, personal)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        of: *of,
        personal: *personal,
    });
    Table {
        name: name.to_owned(),
        columns: columns.collect(),
        of_everybody,
    }
}

/// The tables that every model may read.
fn tables() -> Vec<Table> {
    use Kind::{Long, Real, Text};
    use Of::{Device, Nobody, Person};
    let customer = [
        ("email", Text, Person, true),
        ("phone", Text, Nobody, true),
        ("serialnumber", Text, Nobody, true),
        ("registrationdate", Long, Nobody, false),
        ("lastupdatedate", Long, Nobody, false),
        ("sharewithresearchasofdate", Long, Nobody, false),
        ("sharewithpublicasofdate", Long, Nobody, false),
    ];
    let reading = [
        ("user", Text, Person, true),
        ("timestamp", Long, Nobody, false),
        ("x", Real, Nobody, false),
        ("z", Real, Nobody, false),
    ];
    let motion = [
        ("serialnumber", Text, Device, true),
        ("sensorreadingtime", Long, Nobody, false),
        ("distancefromobject", Long, Nobody, false),
    ];
    vec![
        table("customer_trusted", false, &customer),
        table("customer_curated", false, &customer),
        table("accelerometer_trusted", false, &reading),
        table("accelerometer_trusted", false, &reading),
        table("step_trainer_trusted", false, &motion),
        table("customer_landing", true, &customer),
        table("accelerometer_landing", true, &reading),
        table("step_trainer_landing", true, &motion),
        table(
            "system.consent",
            true,
            &[
                ("subject", Text, Person, true),
                ("purpose", Text, Nobody, false),
                ("valid_from", Long, Nobody, false),
                ("valid_to", Long, Nobody, false),
            ],
        ),
        table(
            "system.device_owner",
            true,
            &[
                ("subject", Text, Person, true),
                ("serialnumber", Text, Device, true),
                ("support", Long, Nobody, false),
                ("last_reading", Long, Nobody, false),
            ],
        ),
        table(
            "system.consent_register",
            true,
            &[
                ("subject", Text, Person, true),
                ("act", Text, Nobody, false),
                ("position", Long, Nobody, false),
                ("valid_from", Long, Nobody, false),
            ],
        ),
        table(
            "system.quarantine",
            true,
            &[
                ("table_name", Text, Nobody, false),
                ("reason", Text, Nobody, false),
                ("line", Long, Nobody, false),
            ],
        ),
        table(
            "system.device_claim",
            true,
            &[
                ("subject", Text, Person, true),
                ("serialnumber", Text, Device, true),
                ("claimants", Long, Nobody, false),
            ],
        ),
    ]
}

/// Generates `count` models, each of which may read the earlier ones.
pub(crate) fn models(dice: &mut Dice, count: usize) -> Vec<Model> {
    let mut known = tables();
    let mut models = Vec::new();
    // Where a check leaves rows out, much is built anew.
    let leaves_out = dice.percent(12);
    for name in NAMES.iter().take(count) {
        let mut maker = Maker {
            dice,
            known: &known,
            aliases: 0,
            leaves_out,
        };
        let (model, made) = maker.model(name);
        models.push(model);
        // What is read twice is more often wrong.
        known.extend([made.clone(), made]);
    }
    models
}

struct Maker<'a> {
    dice: &'a mut Dice,
    known: &'a [Table],
    aliases: usize,
    leaves_out: bool,
}

/// A FROM clause.
struct From {
    sql: String,
    given: Vec<Given>,
}

/// An output column of a SELECT.
struct Out {
    sql: String,
    column: Column,
}

impl Maker<'_> {
    fn model(&mut self, name: &'static str) -> (Model, Table) {
        let from = self.from();
        let whose = self.whose(&from);
        let shape = self.dice.below(100);
        let (sql, outs) = match shape {
            0..42 => self.plain(&from, &whose, ""),
            42..50 => self.plain(&from, &whose, "distinct "),
            50..70 => self.grouped(&from, &whose),
            70..86 => self.windowed(&from, &whose),
            86..96 => self.union(&from, &whose),
            _ => self.first_few(&from, &whose),
        };
        let columns: Vec<Column> = outs.into_iter().map(|out| out.column).collect();
        let mut contract = vec!["grain = \"One row made by chance.\"".to_owned()];
        let whose = columns.iter().find(|column| column.of != Of::Nobody);
        match whose {
            Some(column) if column.of == Of::Person => {
                contract.push(format!("subject = \"{}\"", column.name));
            }
            Some(column) => contract.push(format!("device = \"{}\"", column.name)),
            None => {}
        }
        let personal: Vec<String> = columns
            .iter()
            .filter(|column| column.personal)
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        contract.push(format!("personal = [{}]", personal.join(", ")));
        if self.dice.percent(45) {
            contract.push("duplicates = \"drop\"".to_owned());
        }
        contract.extend(self.checks(name, &columns));
        let text = format!("/*\n{}\n*/\n{sql}\n", contract.join("\n"));
        let zone = *self.dice.one_of::<&str>(&["trusted", "curated"]);
        let made = Table {
            name: name.to_owned(),
            columns,
            of_everybody: false,
        };
        (Model { name, zone, text }, made)
    }

    // Tables and joins.

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// A table under a new alias, and its columns. Of a table that holds rows of
    /// everybody, only the rows of people with consent.
    fn read(&mut self, table: &Table, is_first: bool) -> From {
        let alias = self.alias();
        let given = table.columns.iter().map(|column| Given {
            sql: format!("{alias}.{}", column.name),
            column: column.clone(),
            optional: false,
        });
        let given: Vec<Given> = given.collect();
        let name = &table.name;
        if !table.of_everybody {
            return From {
                sql: format!("{name} {alias}"),
                given,
            };
        }
        let guard = self.alias();
        let of = |of: Of| given.iter().find(|given| given.column.of == of);
        let guarded = match (of(Of::Person), of(Of::Device)) {
            (Some(person), _) => {
                let join = *self.dice.one_of::<&str>(&["join", "left semi join"]);
                let person = &person.sql;
                format!(
                    "{join} customer_trusted {guard} on subject({guard}.email) = subject({person})"
                )
            }
            (None, Some(device)) => format!(
                "left semi join step_trainer_trusted {guard} on {guard}.serialnumber = {}",
                device.sql
            ),
            _ => String::new(),
        };
        let sql = match is_first {
            true => format!("{name} {alias} {guarded}"),
            false => {
                let columns: Vec<&str> = given.iter().map(|given| given.sql.as_str()).collect();
                let columns = columns.join(", ");
                format!("(select {columns} from {name} {alias} {guarded}) {alias}")
            }
        };
        From { sql, given }
    }

    fn from(&mut self) -> From {
        let table = self.dice.one_of(self.known).clone();
        let mut from = self.read(&table, true);
        let joins = match self.dice.below(100) {
            0..40 => 0,
            40..82 => 1,
            _ => 2,
        };
        for _ in 0..joins {
            // With itself often enough.
            let other = match self.dice.percent(25) {
                true => table.clone(),
                false => self.dice.one_of(self.known).clone(),
            };
            self.join(&mut from, &other);
        }
        from
    }

    fn join(&mut self, from: &mut From, table: &Table) {
        let kind = match self.dice.below(100) {
            0..38 => "join",
            38..64 => "left join",
            64..80 => "left semi join",
            80..94 => "left anti join",
            _ => "right join",
        };
        let other = self.read(table, false);
        let Some(on) = self.condition(&from.given, &other.given, kind) else {
            return;
        };
        from.sql = format!("{}\n{kind} {} on {on}", from.sql, other.sql);
        if kind == "right join" {
            for given in &mut from.given {
                given.optional = true;
            }
        }
        if matches!(kind, "join" | "left join" | "right join") {
            from.given
                .extend(other.given.into_iter().map(|given| Given {
                    optional: kind == "left join",
                    ..given
                }));
        }
    }

    /// A join condition. Not generated: INTERSECT, and a semi join with an
    /// additional condition. If the other side has no rows, DataFusion's own join
    /// does not read this one, so the row counts would depend on the planner's
    /// layout of the join.
    fn condition(&mut self, own: &[Given], other: &[Given], kind: &str) -> Option<String> {
        let mut equal = Vec::new();
        let mut unequal = Vec::new();
        for a in own {
            for b in other {
                if a.column.kind != b.column.kind {
                    continue;
                }
                let (l, r) = (&a.sql, &b.sql);
                match (a.column.of, b.column.of) {
                    (Of::Person, Of::Person) => {
                        // Mostly what one would write.
                        for _ in 0..4 {
                            equal.push(format!("subject({l}) = subject({r})"));
                        }
                        equal.extend([format!("{l} = {r}"), format!("{r} = subject({l})")]);
                    }
                    (Of::Device, Of::Device) => equal.extend(vec![format!("{l} = {r}"); 4]),
                    _ => equal.push(format!("{l} = {r}")),
                }
                for way in ["<", ">=", "<>"] {
                    unequal.push(format!("{l} {way} {r}"));
                }
            }
        }
        if equal.is_empty() {
            return None;
        }
        let mut on = match self.dice.percent(14) {
            true => self.dice.one_of(&unequal).clone(),
            false => self.dice.one_of(&equal).clone(),
        };
        if self.dice.percent(28) && kind != "left semi join" {
            let more = match self.dice.percent(50) {
                true => self.dice.one_of(&unequal).clone(),
                false => {
                    let all: Vec<Given> = own.iter().chain(other).cloned().collect();
                    self.predicate(&all)
                }
            };
            on = format!("{on} and {more}");
        }
        Some(on)
    }

    // Columns.

    /// The column that names the person of a row, if the model declares one.
    fn whose(&mut self, from: &From) -> Option<Out> {
        if self.dice.percent(10) {
            return None;
        }
        let find = |of: Of| -> Vec<&Given> {
            let given = from.given.iter();
            given
                .filter(|given| given.column.of == of && !given.optional)
                .collect()
        };
        let (people, devices) = (find(Of::Person), find(Of::Device));
        let (given, name) = match (people.is_empty(), devices.is_empty()) {
            (false, _) => (*self.dice.one_of(&people), "user"),
            (true, false) => (*self.dice.one_of(&devices), "serialnumber"),
            (true, true) => return None,
        };
        let sql = match given.column.of == Of::Person && self.dice.percent(30) {
            true => format!("subject({})", given.sql),
            false => given.sql.clone(),
        };
        Some(Out {
            sql,
            column: Column {
                name: name.to_owned(),
                ..given.column.clone()
            },
        })
    }

    fn value(&mut self, given: &[Given], name: String) -> Out {
        let from = self.dice.one_of(given).clone();
        let (sql, kind) = (from.sql.as_str(), from.column.kind);
        let (sql, kind) = match (kind, self.dice.below(10)) {
            (_, 0..6) => (sql.to_owned(), kind),
            (Kind::Text, 6) => (format!("upper({sql})"), Kind::Text),
            (Kind::Text, 7) => (format!("length({sql})"), Kind::Long),
            (Kind::Text, _) => (format!("{sql} is null"), Kind::Flag),
            (Kind::Long, 6) => (format!("{sql} / 100"), Kind::Long),
            (Kind::Long, 7) => (format!("{sql} % 2"), Kind::Long),
            (Kind::Long, 8) => (format!("cast({sql} as double) / 2"), Kind::Real),
            (Kind::Long, _) => (format!("coalesce({sql}, -1)"), Kind::Long),
            (Kind::Real, 6) => (format!("-{sql}"), Kind::Real),
            (Kind::Real, 7) => (format!("{sql} * 0"), Kind::Real),
            (Kind::Real, 8) => (format!("{sql} > 0"), Kind::Flag),
            (Kind::Real, _) => (
                format!("case when {sql} > 0 then 'up' when {sql} = 0 then 'level' end"),
                Kind::Text,
            ),
            (Kind::Flag, _) => (format!("not {sql}"), Kind::Flag),
        };
        Out {
            sql,
            column: Column {
                name,
                kind,
                of: Of::Nobody,
                personal: from.column.personal,
            },
        }
    }

    fn values(&mut self, given: &[Given], whose: &Option<Out>) -> Vec<Out> {
        let mut outs = Vec::new();
        outs.extend(whose.as_ref().map(|out| Out {
            sql: out.sql.clone(),
            column: out.column.clone(),
        }));
        for number in 0..1 + self.dice.below(3) {
            outs.push(self.value(given, format!("o{number}")));
        }
        outs
    }

    fn predicate(&mut self, given: &[Given]) -> String {
        let from = self.dice.one_of(given).clone();
        let sql = &from.sql;
        match from.column.kind {
            Kind::Text => match self.dice.below(3) {
                0 => format!("{sql} is not null"),
                1 => format!("{sql} like '%1%'"),
                _ => format!("coalesce({sql}, '') <> '5551'"),
            },
            Kind::Long => match self.dice.below(5) {
                0 => format!("{sql} % 3 = 0"),
                1 => format!("{sql} is null"),
                2 => format!("{sql} <= run_time()"),
                3 => format!("{sql} > run_time() - 900"),
                _ => format!("{sql} < 1200"),
            },
            Kind::Real => match self.dice.below(3) {
                0 => format!("{sql} > 0"),
                1 => format!("{sql} = 0"),
                _ => format!("{sql} is not null"),
            },
            Kind::Flag => sql.clone(),
        }
    }

    /// A WHERE clause, or nothing.
    fn filter(&mut self, given: &[Given]) -> String {
        match self.dice.below(100) {
            0..28 => format!("\nwhere {}", self.predicate(given)),
            28..34 => {
                let (one, other) = (self.predicate(given), self.predicate(given));
                format!("\nwhere ({one} or {other})")
            }
            34..46 => match self.subquery(given) {
                Some(condition) => format!("\nwhere {condition}"),
                None => String::new(),
            },
            _ => String::new(),
        }
    }

    fn subquery(&mut self, given: &[Given]) -> Option<String> {
        let table = self.dice.one_of(self.known).clone();
        let mut pairs = Vec::new();
        for own in given {
            for other in &table.columns {
                if own.column.kind == other.kind && own.column.of == other.of {
                    pairs.push((own, other));
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let (own, other) = *self.dice.one_of(&pairs);
        let (name, alias) = (&table.name, format!("s{}", self.aliases));
        let (own, column) = (&own.sql, format!("{alias}.{}", other.name));
        let (equal, inner) = match other.of {
            Of::Person => (
                format!("subject({column}) = subject({own})"),
                format!("subject({column})"),
            ),
            _ => (format!("{column} = {own}"), column.clone()),
        };
        let outer = match other.of {
            Of::Person => format!("subject({own})"),
            _ => own.clone(),
        };
        Some(match self.dice.below(4) {
            0 => format!("exists (select 1 from {name} {alias} where {equal})"),
            1 => format!("not exists (select 1 from {name} {alias} where {equal})"),
            2 => format!("{outer} in (select {inner} from {name} {alias})"),
            _ if other.kind == Kind::Long => {
                format!("{own} < (select max({column}) from {name} {alias})")
            }
            _ => format!(
                "{outer} not in (select {inner} from {name} {alias} where {column} is not null)"
            ),
        })
    }

    // Shapes of a SELECT.

    fn plain(&mut self, from: &From, whose: &Option<Out>, how: &str) -> (String, Vec<Out>) {
        let outs = self.values(&from.given, whose);
        let filter = self.filter(&from.given);
        let sql = format!("select {how}{}\nfrom {}{filter}", listed(&outs), from.sql);
        (sql, outs)
    }

    fn grouped(&mut self, from: &From, whose: &Option<Out>) -> (String, Vec<Out>) {
        let mut outs = self.values(&from.given, whose);
        outs.truncate(1 + self.dice.below(2));
        let places: Vec<String> = (1..=outs.len()).map(|place| place.to_string()).collect();
        for number in 0..1 + self.dice.below(2) {
            let of = self.dice.one_of(&from.given).clone();
            let sql = &of.sql;
            let (sql, kind) = match (self.dice.below(4), of.column.kind) {
                (0, _) => ("count(*)".to_owned(), Kind::Long),
                (1, _) => (format!("count(distinct {sql})"), Kind::Long),
                (2, Kind::Long) => (format!("sum({sql})"), Kind::Long),
                (_, Kind::Flag) => (format!("count({sql})"), Kind::Long),
                (2, kind) => (format!("max({sql})"), kind),
                (_, kind) => (format!("min({sql})"), kind),
            };
            outs.push(Out {
                sql,
                column: Column {
                    name: format!("a{number}"),
                    kind,
                    of: Of::Nobody,
                    personal: of.column.personal,
                },
            });
        }
        let filter = self.filter(&from.given);
        let having = match self.dice.percent(15) {
            true => "\nhaving count(*) > 1",
            false => "",
        };
        let sql = format!(
            "select {}\nfrom {}{filter}\ngroup by {}{having}",
            listed(&outs),
            from.sql,
            places.join(", ")
        );
        (sql, outs)
    }

    fn windowed(&mut self, from: &From, whose: &Option<Out>) -> (String, Vec<Out>) {
        let mut outs = self.values(&from.given, whose);
        let by = match (whose, self.dice.percent(65)) {
            (Some(whose), true) => whose.sql.clone(),
            _ => self.dice.one_of(&from.given).sql.clone(),
        };
        // In an order that leaves nothing to chance but equal rows.
        let all: Vec<&str> = from.given.iter().map(|given| given.sql.as_str()).collect();
        let order = all.join(", ");
        let of = self.dice.one_of(&from.given).clone();
        let call = match self.dice.below(4) {
            0 => "row_number()".to_owned(),
            1 => "rank()".to_owned(),
            2 => "count(*)".to_owned(),
            _ => format!("count({})", of.sql),
        };
        let window = format!("{call} over (partition by {by} order by {order})");
        let filter = self.filter(&from.given);
        let qualify = self.dice.percent(45);
        let tail = match qualify {
            true => format!("\nqualify row_number() over (partition by {by} order by {order}) = 1"),
            false => String::new(),
        };
        if !qualify || self.dice.percent(30) {
            outs.push(Out {
                sql: window,
                column: Column {
                    name: "w".to_owned(),
                    kind: Kind::Long,
                    of: Of::Nobody,
                    personal: true,
                },
            });
        }
        let sql = format!("select {}\nfrom {}{filter}{tail}", listed(&outs), from.sql);
        (sql, outs)
    }

    fn union(&mut self, from: &From, whose: &Option<Out>) -> (String, Vec<Out>) {
        let outs = self.values(&from.given, whose);
        let how = *self
            .dice
            .one_of::<&str>(&["union all", "union all", "union", "except"]);
        let one = format!(
            "select {}\nfrom {}\nwhere {}",
            listed(&outs),
            from.sql,
            self.predicate(&from.given)
        );
        let other = format!(
            "select {}\nfrom {}\nwhere {}",
            listed(&outs),
            from.sql,
            self.predicate(&from.given)
        );
        (format!("{one}\n{how}\n{other}"), outs)
    }

    fn first_few(&mut self, from: &From, whose: &Option<Out>) -> (String, Vec<Out>) {
        let outs = self.values(&from.given, whose);
        let places: Vec<String> = (1..=outs.len()).map(|place| place.to_string()).collect();
        let sql = format!(
            "select {}\nfrom {}\norder by {}\nlimit 3",
            listed(&outs),
            from.sql,
            places.join(", ")
        );
        (sql, outs)
    }

    // Checks.

    fn checks(&mut self, table: &str, columns: &[Column]) -> Vec<String> {
        let mut named = Vec::new();
        let mut rows = Vec::new();
        for _ in 0..self.dice.below(3) {
            let action = match self.dice.below(100) {
                0..6 => "fail",
                6..36 => "warn",
                64.. if self.leaves_out => "leave_out",
                _ => "report",
            };
            let column = self.dice.one_of(columns).clone();
            let name = &column.name;
            // A key stands once.
            let mut once = |key: &str, text: String| {
                if !named.iter().any(|known: &String| known.starts_with(key)) {
                    named.push(text);
                }
            };
            match (self.dice.below(6), column.kind) {
                (0, _) => once(
                    "not_null",
                    format!("not_null = {{ columns = [\"{name}\"], action = \"{action}\" }}"),
                ),
                (1, Kind::Long) => once(
                    "accepted",
                    format!(
                        "accepted = {{ {name} = {{ min = 0, max = 1300, action = \"{action}\" }} }}"
                    ),
                ),
                (2, _) if action != "leave_out" => once(
                    "unique",
                    format!("unique = {{ columns = [\"{name}\"], action = \"{action}\" }}"),
                ),
                (3, Kind::Text) if column.of == Of::Person => once(
                    "consent_in_force",
                    format!(
                        "consent_in_force = {{ subject = \"{name}\", purpose = \"{}\", action = \"{action}\" }}",
                        self.dice.one_of::<&str>(&["research", "public"])
                    ),
                ),
                (3, Kind::Text) if column.of == Of::Device => once(
                    "references",
                    format!(
                        "references = {{ {name} = {{ to = \"customer_curated.serialnumber\", action = \"{action}\" }} }}"
                    ),
                ),
                (4, _) if action != "leave_out" => rows.push(format!(
                    "[[checks.sql]]\nname = \"c{}\"\nviolations = \"select {name} from {table} where {name} is not null group by {name} having count(*) > 1\"\naction = \"{action}\"",
                    rows.len()
                )),
                (_, kind) => {
                    let holds = match kind {
                        Kind::Text => format!("length({name}) < 9"),
                        Kind::Long => format!("{name} % 2 = 0 or {name} > run_time() - 700"),
                        Kind::Real => format!("{name} >= 0"),
                        Kind::Flag => name.clone(),
                    };
                    rows.push(format!(
                        "[[checks.rows]]\nname = \"c{}\"\nholds = \"{holds}\"\naction = \"{action}\"",
                        rows.len()
                    ));
                }
            }
        }
        if !named.is_empty() {
            named.insert(0, "\n[checks]".to_owned());
        }
        named.extend(rows);
        named
    }
}

fn listed(outs: &[Out]) -> String {
    let outs = outs
        .iter()
        .map(|out| format!("{} as {}", out.sql, out.column.name));
    outs.collect::<Vec<_>>().join(", ")
}
