//! What texts say: always one segment, whatever the language and the options.

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::domain::code::OneTimeCode;
use crate::domain::phone::Phone;
use crate::sms::languages::{LANGUAGES, Language};

/// How long a text with an app's hash may be, in bytes (Google, "Perform SMS
/// verification on a server").
const RETRIEVER_BYTES: usize = 140;

/// In whose name texts are written, and what their last line may be.
#[derive(Clone, Debug)]
pub struct Wording {
    app: String,
    domain: Option<String>,
    hashes: Vec<String>,
}

/// What a request says of the text that it asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// The language, as the app says: `ru`, `ru-RU`.
    pub locale: Option<&'a str>,
    /// The header `Accept-Language`.
    pub accept_language: Option<&'a str>,
    /// The hash of the Android app that waits for the text.
    pub app_hash: Option<&'a str>,
}

/// What a text without a code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The account left the number.
    PhoneChanged,
    /// The account is to leave the number.
    RecoveryBegun,
}

/// A text, and the language that it is in.
#[derive(Clone)]
pub struct Words {
    /// What it says.
    pub body: String,
    /// The tag of its language: `ru`.
    pub language: &'static str,
}

impl Wording {
    /// The parameters that [`Wording::read`] reads.
    pub const PARAMETERS: &[&Parameter] =
        &[config::APP_NAME, config::SMS_DOMAIN, config::APP_HASHES, config::CODE_LENGTH];

    /// That of the parameters.
    ///
    /// # Errors
    /// If one is malformed, or a text would not fit one segment with it.
    pub fn read(vars: &Vars) -> Result<Self, BadParameter> {
        let bad = |parameter: &Parameter, problem: String| BadParameter { name: parameter.name, problem };
        let app = vars.text(config::APP_NAME).to_owned();
        if app.chars().any(char::is_control) {
            return Err(bad(config::APP_NAME, "must not contain control characters".to_owned()));
        }
        let domain = vars.optional(config::SMS_DOMAIN).map(str::to_owned);
        if let Some(domain) = domain.as_ref().filter(|domain| !is_domain(domain)) {
            return Err(bad(
                config::SMS_DOMAIN,
                format!("must be a domain such as example.com, not {domain:?}"),
            ));
        }
        let hashes: Vec<_> = vars.list(config::APP_HASHES).map(str::to_owned).collect();
        if let Some(hash) = hashes.iter().find(|hash| !is_hash(hash)) {
            return Err(bad(config::APP_HASHES, format!("must be 11 characters each, not {hash:?}")));
        }

        let wording = Self { app, domain, hashes };
        let code = "8".repeat(vars.number(config::CODE_LENGTH, 4..=8)? as usize);
        for language in LANGUAGES {
            let plain = fill(language.code, &code, &wording.app);
            let too_long = |parameter| {
                bad(
                    parameter,
                    format!("is too long: the text in {:?} must fit one SMS segment", language.tag),
                )
            };
            let notices = [language.phone_changed, language.recovery_begun];
            if segments(&plain) > 1
                || notices.iter().any(|notice| segments(&fill(notice, "", &wording.app)) > 1)
            {
                return Err(too_long(config::APP_NAME));
            }
            if let Some(domain) = &wording.domain
                && segments(&format!("{plain}\n{}", domain_line(domain, &code))) > 1
            {
                return Err(too_long(config::SMS_DOMAIN));
            }
            for hash in &wording.hashes {
                let text = format!("{plain}\n{hash}");
                if segments(&text) > 1 || text_bytes(&text) > RETRIEVER_BYTES {
                    return Err(too_long(config::APP_HASHES));
                }
            }
        }
        Ok(wording)
    }

    /// The app's name.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The text with a code. Its last line is the hash of the app that waits
    /// for it, if that is one of the deployment's; else, where there is a
    /// domain, what iPhones look for ("domain-bound codes").
    pub fn code(&self, to: &Phone, code: &OneTimeCode, wish: Wish<'_>) -> Words {
        let language = language(to, wish);
        let text = fill(language.code, code.as_str(), &self.app);
        let hash = wish.app_hash.and_then(|wanted| self.hashes.iter().find(|hash| *hash == wanted));
        let body = match (hash, &self.domain) {
            (Some(hash), _) => format!("{text}\n{hash}"),
            (None, Some(domain)) => format!("{text}\n{}", domain_line(domain, code.as_str())),
            (None, None) => text,
        };
        Words { body, language: language.tag }
    }

    /// The text that tells the old number what becomes of its account.
    pub fn notice(&self, to: &Phone, notice: Notice, wish: Wish<'_>) -> Words {
        let language = language(to, wish);
        let text = match notice {
            Notice::PhoneChanged => language.phone_changed,
            Notice::RecoveryBegun => language.recovery_begun,
        };
        Words { body: fill(text, "", &self.app), language: language.tag }
    }
}

fn fill(text: &str, code: &str, app: &str) -> String {
    text.replace("{code}", code).replace("{app}", app)
}

fn domain_line(domain: &str, code: &str) -> String {
    format!("@{domain} #{code}")
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_hash(text: &str) -> bool {
    text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

/// The language of a text: what the app says, else what its system prefers,
/// else that of the number's country.
fn language(to: &Phone, wish: Wish<'_>) -> &'static Language {
    wish.locale.and_then(Language::by_tag).unwrap_or_else(|| {
        let country = to.country().map(|country| country.to_string());
        Language::of(wish.accept_language, country.as_deref())
    })
}

/// The characters of the GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1).
const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Those of its extension, which take two places.
const GSM_7_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How many places a text takes of its alphabet, and how many a segment has:
/// 160 of GSM 7-bit, or 70 of UCS-2 where a character is not in it.
fn measure(text: &str) -> (usize, usize) {
    let septets = text.chars().map(|c| match c {
        c if GSM_7.contains(c) => Some(1),
        c if GSM_7_EXTENSION.contains(c) => Some(2),
        _ => None,
    });
    match septets.sum::<Option<usize>>() {
        Some(septets) => (septets, 160),
        None => (text.encode_utf16().count(), 70),
    }
}

fn segments(text: &str) -> usize {
    let (length, segment) = measure(text);
    length.div_ceil(segment)
}

/// How many bytes a text takes on air.
fn text_bytes(text: &str) -> usize {
    match measure(text) {
        (septets, 160) => (septets * 7).div_ceil(8),
        (units, _) => units * 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(text: &str) -> Phone {
        Phone::parse(text, "RU".parse().unwrap()).unwrap()
    }

    fn wording(vars: &[(&str, &str)]) -> Result<Wording, BadParameter> {
        Wording::read(&vars.iter().copied().collect::<Vars>())
    }

    #[test]
    fn every_language_fits_one_segment_with_every_option() {
        let all = [("CODE_LENGTH", "8"), ("SMS_DOMAIN", "example.com"), ("APP_HASHES", "FA+9qCX9VSu")];
        let code = OneTimeCode::typed("12345678");
        assert!(LANGUAGES.len() >= 2);
        for language in LANGUAGES {
            let wish = |app_hash| Wish { locale: Some(language.tag), app_hash, ..Wish::default() };
            for (vars, wish) in
                [(&all[..1], wish(None)), (&all[..], wish(None)), (&all[..], wish(Some("FA+9qCX9VSu")))]
            {
                let text = wording(vars).unwrap().code(&phone("+79000000001"), &code, wish).body;
                assert!(text.starts_with("12345678"), "a lock screen shows the beginning: {text}");
                assert!(text.contains("Latchkey"), "{text}");
                assert_eq!(segments(&text), 1, "{text}");
            }
        }
    }

    #[test]
    fn the_last_line_is_the_hash_or_the_domain() {
        let wording =
            wording(&[("SMS_DOMAIN", "example.com"), ("APP_HASHES", "FA+9qCX9VSu,AAAAAAAAAAA")]).unwrap();
        let last = |app_hash| {
            let wish = Wish { app_hash, ..Wish::default() };
            let text = wording.code(&phone("+79000000001"), &OneTimeCode::typed("1234"), wish).body;
            text.lines().last().unwrap().to_owned()
        };
        assert_eq!(last(None), "@example.com #1234");
        assert_eq!(last(Some("AAAAAAAAAAA")), "AAAAAAAAAAA");
        assert_eq!(last(Some("BBBBBBBBBBB")), "@example.com #1234", "a hash of nobody's is not texted");
    }

    #[test]
    fn the_app_says_the_language_then_the_system_then_the_country() {
        let tag = |locale, accept_language, to| {
            language(&phone(to), Wish { locale, accept_language, app_hash: None }).tag
        };
        let (russian, american) = ("+79000000001", "+12015550123");
        assert_eq!(tag(None, None, russian), "ru");
        assert_eq!(tag(None, None, american), "en");
        assert_eq!(tag(Some("en-GB"), Some("ru"), russian), "en");
        assert_eq!(tag(Some("ru_RU"), None, american), "ru");
        assert_eq!(tag(Some("tlh"), Some("de, en;q=0.4, ru;q=0.8"), american), "ru");
        assert_eq!(tag(None, Some("ru;q=0, en;q=0.1"), russian), "en");
        assert_eq!(tag(None, Some("*, ;;q=x,"), russian), "ru");
    }

    #[test]
    fn segments_are_counted_as_phones_count() {
        assert_eq!(segments(&"a".repeat(160)), 1);
        assert_eq!(segments(&"a".repeat(161)), 2);
        assert_eq!(segments(&"€".repeat(80)), 1);
        assert_eq!(segments(&"€".repeat(81)), 2);
        assert_eq!(segments(&"я".repeat(70)), 1);
        assert_eq!(segments(&"я".repeat(71)), 2);
        assert_eq!(segments(&"😀".repeat(36)), 2, "two units each");
        assert_eq!((text_bytes(&"a".repeat(160)), text_bytes("я")), (140, 2));
        assert_eq!(GSM_7.chars().count(), 127);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_named() {
        let long_domain = format!("{}.com", "x".repeat(30));
        for (name, value) in [
            ("APP_NAME", "a\nb"),
            ("APP_NAME", "A name that leaves no room for Russian words in it"),
            ("SMS_DOMAIN", long_domain.as_str()),
            ("SMS_DOMAIN", "https://example.com"),
            ("SMS_DOMAIN", "localhost"),
            ("APP_HASHES", "short"),
            ("APP_HASHES", "FA+9qCX9VSu,twelve-chars"),
        ] {
            assert_eq!(wording(&[(name, value)]).unwrap_err().name, name, "{value}");
        }
        assert_eq!(wording(&[("APP_NAME", "Ключ")]).unwrap().app(), "Ключ");
        let long =
            [("APP_NAME", "A name of 23 characters"), ("CODE_LENGTH", "8"), ("APP_HASHES", "FA+9qCX9VSu")];
        assert!(wording(&long[..2]).is_ok());
        assert_eq!(wording(&long).unwrap_err().name, "APP_HASHES");
    }
}
