//! The languages that people are written to in: a file of `languages/` each.

/// One language: a file of `languages/`.
pub struct Language {
    /// Its tag: `ru`.
    pub tag: &'static str,
    /// The countries whose people are written to in it when nobody says otherwise.
    pub(super) countries: &'static [&'static str],
    /// `{code}` comes first, where a lock screen shows it.
    pub(super) code: &'static str,
    /// What the old number is told when an account leaves it.
    pub(super) phone_changed: &'static str,
    /// What the old number is told when an account is to leave it.
    pub(super) recovery_begun: &'static str,
    /// The words of the page behind a share link.
    pub share: Share,
}

/// The words of the page behind a share link, where `{app}` and `{code}` are filled in.
pub struct Share {
    /// The language with a country, as previews name it (<https://ogp.me/#optional>): `ru_RU`.
    pub locale: &'static str,
    /// Its title, and that of its preview in a messenger.
    pub title: &'static str,
    /// What the preview says below the title.
    pub about: &'static str,
    /// What the code is.
    pub code: &'static str,
    /// The button that copies it.
    pub copy: &'static str,
    /// The same, once it did.
    pub copied: &'static str,
    /// What to do with the code where there is no link.
    pub enter: &'static str,
    /// The button for iPhones.
    pub ios: &'static str,
    /// The button for Android.
    pub android: &'static str,
    /// The button for all else.
    pub web: &'static str,
    /// The title where a link holds no code.
    pub broken_title: &'static str,
    /// What to do then.
    pub broken_text: &'static str,
}

/// All languages, by tag.
pub(super) const LANGUAGES: &[Language] = include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// The language of last resort.
const ENGLISH: &str = "en";

impl Language {
    /// What the system of whoever reads prefers, by the header `Accept-Language`; else that
    /// of the country.
    pub fn of(accept_language: Option<&str>, country: Option<&str>) -> &'static Self {
        preferences(accept_language.unwrap_or_default())
            .into_iter()
            .find_map(Self::by_tag)
            .or_else(|| {
                LANGUAGES
                    .iter()
                    .find(|language| country.is_some_and(|country| language.countries.contains(&country)))
            })
            .or_else(|| Self::by_tag(ENGLISH))
            .unwrap_or(&LANGUAGES[0])
    }

    /// That of a tag, whatever its region: `ru`, `ru-RU`.
    pub(super) fn by_tag(tag: &str) -> Option<&'static Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        LANGUAGES.iter().find(|language| language.tag.eq_ignore_ascii_case(primary))
    }
}

/// The tags of an `Accept-Language`, the preferred first (RFC 9110, section
/// 12.5.4).
fn preferences(header: &str) -> Vec<&str> {
    let mut all: Vec<(&str, f32)> = header
        .split(',')
        .filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let tag = parts.next().filter(|tag| !tag.is_empty())?;
            let weight =
                parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
            (weight > 0.0).then_some((tag, weight))
        })
        .collect();
    all.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    all.into_iter().map(|(tag, _)| tag).collect()
}
