//! Parameters of a statement, and values put where they stand.

use super::tokens::{Piece, Token, tokens};

/// The most parameters of a statement.
pub(crate) const PARAMETERS_MAX: usize = 1000;

/// A parameter has no number that there can be.
#[derive(Debug)]
pub(crate) struct TooMany;

/// Where the parameters of a statement stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    places: Vec<Token>,
    /// How many parameters there are: the highest number.
    pub(crate) count: usize,
}

impl Places {
    /// The parameters `$1`, `$2` and so on.
    ///
    /// # Errors
    /// The number of one that is too high.
    pub(crate) fn of(sql: &str) -> Result<Self, TooMany> {
        let (mut places, mut count) = (Vec::new(), 0);
        for token in tokens(sql) {
            if let Piece::Parameter(number) = token.piece {
                if !(1..=PARAMETERS_MAX).contains(&number) {
                    return Err(TooMany);
                }
                count = count.max(number);
                places.push(token);
            }
        }
        Ok(Self { places, count })
    }

    /// The same, with each `?` as the next parameter if there is no `$1`.
    ///
    /// # Errors
    /// As [`Places::of`].
    pub(crate) fn of_marks(sql: &str) -> Result<Self, TooMany> {
        let numbered = Self::of(sql)?;
        if numbered.count > 0 {
            return Ok(numbered);
        }
        let mut places: Vec<Token> = tokens(sql);
        places.retain(|token| &sql[token.at.clone()] == "?");
        let count = places.len();
        for (token, number) in places.iter_mut().zip(1..) {
            token.piece = Piece::Parameter(number);
        }
        match count <= PARAMETERS_MAX {
            true => Ok(Self { places, count }),
            false => Err(TooMany),
        }
    }

    /// The statement with `literals` for its parameters.
    pub(crate) fn filled(&self, sql: &str, literals: &[String]) -> String {
        let mut filled = String::with_capacity(sql.len());
        let mut from = 0;
        for token in &self.places {
            filled.push_str(&sql[from..token.at.start]);
            if let Piece::Parameter(number) = token.piece {
                filled.push_str(literals.get(number - 1).map_or("NULL", String::as_str));
            }
            from = token.at.end;
        }
        filled.push_str(&sql[from..]);
        filled
    }
}

/// A text as a literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_where_they_stand() {
        let sql = "select $2, '$1', $1 -- $3";
        let places = Places::of(sql).unwrap();
        let literals = ["1".to_owned(), "'$1'".to_owned()];
        assert_eq!(places.filled(sql, &literals), "select '$1', '$1', 1 -- $3");
        let marked = "select ?, '?' -- ?";
        let places = Places::of_marks(marked).unwrap();
        assert_eq!(places.filled(marked, &literals), "select 1, '?' -- ?");
        assert!(Places::of("select $0").is_err());
        assert!(Places::of("select $99999999999999999999").is_err());
    }
}
