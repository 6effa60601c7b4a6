//! Cursors and copies: rows of a statement that are not simply its answer.

use super::copying;
use super::failure::{Failure, Result};
use super::portal::Portal;
use super::rows::{Found, formats, put_description};
use super::session::{Begun, Session, Transaction, no_cursor};
use super::statement::{Asked, Copying, Count};

impl Session {
    pub(super) async fn copy(&mut self, rows: Asked, copying: &Copying, sql: &str) -> Result<()> {
        let Begun::Rows(mut found, _) = Box::pin(self.begun(rows, sql, &[])).await? else {
            return Ok(());
        };
        let schema = found.schema.clone();
        let types = found.types.clone();
        copying::begin(
            &mut self.wire,
            copying,
            schema.fields().iter().map(|field| field.name().as_str()),
        );
        let mut count = 0;
        loop {
            let next = self.beside(found.next()).await??;
            let Some((batch, row)) = next else {
                break;
            };
            copying::put_row(&mut self.wire, copying, batch, row, &types);
            self.wire.flush_if_full().await?;
            count += 1;
        }
        copying::end(&mut self.wire, copying);
        self.complete(&format!("COPY {count}"));
        Ok(())
    }

    pub(super) async fn declare(&mut self, name: String, rows: Asked, sql: &str) -> Result<String> {
        if self.transaction == Transaction::None {
            let failure = Failure::new("25P01", "a cursor lives in a transaction");
            return Err(failure.with_hint("begin one with BEGIN").into());
        }
        if self.portals.contains_key(&name) {
            return Err(
                Failure::new("42P03", format!("there is a cursor `{name}` already")).into(),
            );
        }
        if let Begun::Rows(found, _) = Box::pin(self.begun(rows, sql, &[])).await? {
            self.keep_portal(name, Portal::cursor(found))?;
        }
        Ok("DECLARE CURSOR".to_owned())
    }

    /// Sends rows of a cursor in the formats of `codes`, with their description where
    /// nobody asks for it.
    pub(super) async fn fetch(
        &mut self,
        name: &str,
        count: Count,
        describes: bool,
        codes: &[u16],
    ) -> Result<()> {
        if self.transaction == Transaction::Failed {
            return Err(
                Failure::new("25P02", "the transaction failed, and nothing is read in it").into(),
            );
        }
        let mut found = self.take_found(name).await?;
        let formats = formats(codes, found.types.len())?;
        if describes {
            put_description(&mut self.wire, &found.schema, &[]);
        }
        let max = match count {
            Count::All => None,
            Count::Rows(rows) => Some(rows),
        };
        let (rows, _) = self.send(&mut found, &formats, max).await?;
        self.keep_portal(name.to_owned(), Portal::cursor(found))?;
        self.complete(&format!("FETCH {rows}"));
        Ok(())
    }

    pub(super) async fn move_on(&mut self, name: &str, count: Count) -> Result<String> {
        let mut found = self.take_found(name).await?;
        let mut moved = 0;
        while count != Count::Rows(moved) {
            if self.beside(found.next()).await??.is_none() {
                break;
            }
            moved += 1;
        }
        self.keep_portal(name.to_owned(), Portal::cursor(found))?;
        Ok(format!("MOVE {moved}"))
    }

    /// The rows of a cursor, if whoever declared it still has the same rights.
    async fn take_found(&mut self, name: &str) -> Result<Found> {
        self.principal().await?;
        let portal = self.portals.remove(name).ok_or_else(|| no_cursor(name))?;
        portal.into_found().ok_or_else(|| no_cursor(name).into())
    }
}
