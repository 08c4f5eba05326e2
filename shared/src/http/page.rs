//! Lists that are handed out a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::world::Month;
use crate::domain::position::Position;
use crate::http::problem::{Code, Problem};

/// The query of a list: `?limit=` and `?cursor=`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageQuery {
    /// The most items that a page may have.
    #[serde(default)]
    pub limit: PageSize,
    /// The `cursor` of the previous page; without it, the first page is given.
    pub cursor: Option<String>,
}

/// 1 to 100 items a page, 50 unless asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, extend("minimum" = 1, "maximum" = 100, "default" = 50))]
pub struct PageSize(pub u32);

impl Default for PageSize {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for PageSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer)
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("must be a whole number from 1 to 100"))
    }
}

/// A page of a list. The list ends where `cursor` is null.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items of this page. A page may be short, or even empty, without being the last.
    pub items: Vec<T>,
    /// What to send as `?cursor=` to get the next page; null on the last page.
    pub cursor: Option<String>,
}

/// The cursor of `list` that stands behind `key`. The list's name holds whose
/// list it is, so that a cursor of another is told apart.
pub fn cursor(list: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}\n{key}"))
}

/// The key that a cursor of `list` stands behind.
///
/// # Errors
/// 422 `invalid_cursor` if it is malformed or of another list.
pub fn read_cursor(list: &str, cursor: &str) -> Result<String, Problem> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| Some(text.strip_prefix(list)?.strip_prefix('\n')?.to_owned()))
        .ok_or_else(|| Code::InvalidCursor.into())
}

/// The position that a cursor of `list` stands behind; `None` without one.
///
/// # Errors
/// 422 `invalid_cursor`.
pub fn read_position(list: &str, cursor: Option<&str>) -> Result<Option<Position>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    Ok(Some(position(&read_cursor(list, cursor)?)?))
}

/// The key of a list that goes month by month: in `month`, behind `after`.
pub fn in_month(month: Month, after: Option<&Position>) -> String {
    format!("{month}/{}", after.map_or("", Position::as_str))
}

/// The month and the position in it that a cursor of such a `list` stands behind; `None`
/// without one.
///
/// # Errors
/// 422 `invalid_cursor`.
pub fn read_in_month(list: &str, cursor: Option<&str>) -> Result<Option<(Month, Option<Position>)>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let key = read_cursor(list, cursor)?;
    let (month, after) = key.split_once('/').ok_or(Code::InvalidCursor)?;
    let after = if after.is_empty() { None } else { Some(position(after)?) };
    Ok(Some((Month::parse(month).ok_or(Code::InvalidCursor)?, after)))
}

fn position(key: &str) -> Result<Position, Code> {
    Position::parse(key.to_owned()).ok_or(Code::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let text = cursor("referrals/a", "key\n1");
        assert_eq!(read_cursor("referrals/a", &text).unwrap(), "key\n1");
        for (list, text) in
            [("referrals/b", text.as_str()), ("referrals/a", ""), ("referrals/a", "%"), ("", "é")]
        {
            assert_eq!(read_cursor(list, text).unwrap_err().code(), Code::InvalidCursor);
        }
    }
}
