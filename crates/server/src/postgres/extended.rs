//! The extended protocol: statements with parameters, and portals read in parts.

use arrow::datatypes::SchemaRef;
use bytes::{BufMut, Bytes};

use super::failure::{Ended, Failure, Result};
use super::parameters::{literal, sample};
use super::portal::{Portal, Prepared, State};
use super::rows::{formats, put_description};
use super::session::{Begun, Session, no_statement};
use super::statement::{Asked, asked};
use super::types::{self, PgType};
use super::wire::{Body, Message};
use crate::sql_text::{Places, statements};

/// The most parameters whose types are looked for; others are texts.
const LOOKED_FOR_MAX: usize = 16;

impl Session {
    /// Answers a message of the extended protocol.
    pub(super) async fn extended(&mut self, message: Message) -> Result<()> {
        let mut body = message.body;
        match message.kind {
            b'P' => self.parse(&mut body).await,
            b'B' => self.bind(&mut body).await,
            b'D' => match (body.u8()?, body.text()?) {
                (b'S', name) => self.describe_statement(&name).await,
                (b'P', name) => self.describe_portal(&name).await,
                _ => Err(Failure::protocol("only statements and portals are described").into()),
            },
            b'E' => {
                let (name, max) = (body.text()?, body.i32()?);
                let max = usize::try_from(max).ok().filter(|max| *max > 0);
                self.execute(&name, max).await
            }
            b'C' => {
                match (body.u8()?, body.text()?) {
                    (b'S', name) => drop(self.prepared.remove(&name)),
                    (_, name) => drop(self.portals.remove(&name)),
                }
                self.wire.put(b'3', |_| {});
                Ok(())
            }
            b'S' => {
                self.synced();
                Ok(())
            }
            // Flush: what was added is sent before the next message is read.
            _ => Ok(()),
        }
    }

    async fn parse(&mut self, body: &mut Body) -> Result<()> {
        let (name, sql) = (body.text()?, body.text()?);
        let count = body.u16()?;
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(body.i32()? as u32);
        }
        if name.is_empty() {
            self.prepared.remove("");
        }
        let sql = match statements(&sql).as_slice() {
            [] => String::new(),
            [_] => sql,
            _ => {
                let failure = Failure::new("42601", "a prepared statement is one statement");
                return Err(failure.with_hint("send them one by one").into());
            }
        };
        let sql = sql.trim_end().trim_end_matches(';').to_owned();
        // What is refused whatever its values are is refused now.
        self.asked(&sql).await?;
        let places = Places::of(&sql)?;
        self.keep(name, Prepared::new(sql, places, types))?;
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    async fn bind(&mut self, body: &mut Body) -> Result<()> {
        let (portal, statement) = (body.text()?, body.text()?);
        let codes = body.u16s()?;
        let count = usize::from(body.u16()?);
        let mut values: Vec<Option<Bytes>> = Vec::new();
        for _ in 0..count {
            values.push(match usize::try_from(body.i32()?) {
                Ok(length) => Some(body.bytes(length)?),
                Err(_) => None,
            });
        }
        let results = body.u16s()?;
        let prepared = self.prepared.get(&statement).cloned();
        let prepared = prepared.ok_or_else(|| no_statement(&statement))?;
        if count != prepared.types.len() {
            let message = format!(
                "the statement has {} parameters, and {count} came",
                prepared.types.len()
            );
            return Err(Failure::protocol(message).into());
        }
        let binary = formats(&codes, count)?;
        let mut filled = filled(&prepared, &prepared.types, &binary, &values)?;
        let mut asked_for = asked(&filled)?;
        let unknown = values.iter().zip(&prepared.types);
        let is_unclear = unknown
            .into_iter()
            .any(|(value, of)| value.is_some() && *of == 0);
        if is_unclear && let Asked::Lake(_) = &asked_for {
            // A value without a type is a text, unless the statement has no place for one.
            match self.columns(&asked_for).await {
                Ok(_) => {}
                Err(Ended::Failed(_)) => {
                    let types = self.parameter_types(&prepared).await?;
                    filled = self::filled(&prepared, &types, &binary, &values)?;
                    asked_for = asked(&filled)?;
                }
                Err(ended) => return Err(ended),
            }
        }
        if portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(&portal) {
            return Err(
                Failure::new("42P03", format!("there is a portal `{portal}` already")).into(),
            );
        }
        let bound = Portal {
            sql: filled,
            codes: results,
            state: State::Waits(asked_for),
        };
        self.keep_portal(portal, bound)?;
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    async fn describe_statement(&mut self, name: &str) -> Result<()> {
        let prepared = self.prepared.get(name).cloned();
        let prepared = prepared.ok_or_else(|| no_statement(name))?;
        let types = self.parameter_types(&prepared).await?;
        let asked = asked(&sampled(&prepared, &types))?;
        let columns = self.columns(&asked).await?;
        self.wire.put(b't', |out| {
            out.put_u16(types.len() as u16);
            types.iter().for_each(|of| out.put_u32(*of));
        });
        self.put_columns(columns, &[])
    }

    async fn describe_portal(&mut self, name: &str) -> Result<()> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        // The columns are those of the rows themselves, which are then there to be read.
        if let State::Waits(Asked::Lake(_) | Asked::Catalog(_)) = &portal.state {
            portal = self.begin_portal(portal).await?;
        }
        let columns = match &portal.state {
            State::Waits(asked) => {
                let asked = asked.clone();
                self.columns(&asked).await?
            }
            _ => portal.schema(),
        };
        let codes = portal.codes.clone();
        self.portals.insert(name.to_owned(), portal);
        self.put_columns(columns, &codes)
    }

    fn put_columns(&mut self, columns: Option<SchemaRef>, codes: &[u16]) -> Result<()> {
        match columns {
            Some(schema) => {
                let formats = formats(codes, schema.fields().len())?;
                put_description(&mut self.wire, &schema, &formats);
            }
            None => self.wire.put(b'n', |_| {}),
        }
        Ok(())
    }

    async fn begin_portal(&mut self, portal: Portal) -> Result<Portal> {
        let Portal { sql, codes, state } = portal;
        let state = match state {
            State::Waits(asked) => match self.begun(asked, &sql, &codes).await? {
                Begun::Answered(tag) => State::Done(tag, None),
                Begun::Rows(found, verb) => State::Rows(found, verb),
                // It was answered with its tag.
                Begun::Copied => State::Done("\0".to_owned(), None),
            },
            state => state,
        };
        Ok(Portal { sql, codes, state })
    }

    async fn execute(&mut self, name: &str, max: Option<usize>) -> Result<()> {
        // A portal that waits is begun with the rights of this moment.
        let is_begun = |portal: &Portal| !matches!(portal.state, State::Waits(_));
        if self.portals.get(name).is_some_and(is_begun) {
            self.principal().await?;
        }
        let portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let mut portal = self.begin_portal(portal).await?;
        match portal.state {
            State::Rows(mut found, verb) => {
                let formats = formats(&portal.codes, found.types.len())?;
                let (rows, is_end) = self.send(&mut found, &formats, max).await?;
                portal.state = match is_end {
                    true => {
                        self.complete(&format!("{verb} {rows}"));
                        State::Done(format!("{verb} 0"), Some(found.schema))
                    }
                    false => {
                        self.wire.put(b's', |_| {});
                        State::Rows(found, verb)
                    }
                };
            }
            State::Done(ref tag, _) if tag == "\0" => {}
            State::Done(ref tag, _) => self.complete(&tag.clone()),
            State::Waits(_) => unreachable!("it was begun"),
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// The types of all parameters: those that the client names, and for the others the
    /// first with which the statement can be planned. Types do not mix in our SQL, so that
    /// a place accepts few of them.
    async fn parameter_types(&mut self, prepared: &Prepared) -> Result<Vec<u32>> {
        let mut types = prepared.types.clone();
        let unknown: Vec<usize> = (0..types.len())
            .filter(|index| types[*index] == 0)
            .collect();
        let is_lake = matches!(asked(&sampled(prepared, &types))?, Asked::Lake(_));
        for index in unknown {
            types[index] = match is_lake && types.len() <= LOOKED_FOR_MAX {
                true => self.parameter_type(prepared, &types, index).await?.oid,
                false => types::TEXT.oid,
            };
        }
        Ok(types)
    }

    async fn parameter_type(
        &mut self,
        prepared: &Prepared,
        types: &[u32],
        index: usize,
    ) -> Result<PgType> {
        let text = self
            .is_accepted(prepared, types, index, types::TEXT)
            .await?;
        let number = self
            .is_accepted(prepared, types, index, types::INT8)
            .await?;
        if text && number {
            return Ok(types::TEXT);
        }
        if number {
            // Where doubles are accepted as well, they hold what a bigint does not.
            let double = self
                .is_accepted(prepared, types, index, types::FLOAT8)
                .await?;
            return Ok(if double { types::FLOAT8 } else { types::INT8 });
        }
        for of in [
            types::TIMESTAMP,
            types::DATE,
            types::BOOL,
            types::FLOAT8,
            types::BYTEA,
        ] {
            if self.is_accepted(prepared, types, index, of).await? {
                return Ok(of);
            }
        }
        Ok(types::TEXT)
    }

    async fn is_accepted(
        &mut self,
        prepared: &Prepared,
        types: &[u32],
        index: usize,
        of: PgType,
    ) -> Result<bool> {
        let mut tried = types.to_vec();
        tried[index] = of.oid;
        let asked = asked(&sampled(prepared, &tried))?;
        match self.columns(&asked).await {
            Ok(_) => Ok(true),
            Err(Ended::Failed(_)) => Ok(false),
            Err(ended) => Err(ended),
        }
    }
}

fn filled(
    prepared: &Prepared,
    types: &[u32],
    binary: &[bool],
    values: &[Option<Bytes>],
) -> Result<String> {
    let mut literals = Vec::new();
    for ((value, of), is_binary) in values.iter().zip(types).zip(binary) {
        literals.push(literal(*of, *is_binary, value.as_ref())?);
    }
    Ok(prepared.places.filled(&prepared.sql, &literals))
}

/// The statement with values that stand for all of their types.
fn sampled(prepared: &Prepared, types: &[u32]) -> String {
    let literals = types
        .iter()
        .map(|of| match (types::of_oid(*of), types::element_of(*of)) {
            (Some(of), _) => sample(of),
            (None, Some(element)) => format!("ARRAY[{}]", sample(element)),
            (None, None) => "NULL".to_owned(),
        });
    prepared
        .places
        .filled(&prepared.sql, &literals.collect::<Vec<_>>())
}

fn no_portal(name: &str) -> Failure {
    Failure::new("34000", format!("there is no portal `{name}`"))
}
