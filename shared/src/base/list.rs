//! Lists as people write them into a parameter.

/// The items, separated by commas; blanks around them and empty ones do not count.
pub fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
