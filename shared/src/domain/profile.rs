//! What users say about themselves, bounded and of the right shape.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How long an address may be, in characters (RFC 5321, section 4.5.3.1.3, less
/// the brackets).
const LONGEST_EMAIL: usize = 254;

/// An e-mail address, as far as its shape tells: whether it is anybody's, only a
/// mail would.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(
    inline,
    extend("maxLength" = LONGEST_EMAIL, "pattern" = r"^[^@\s\u0000-\u001F\u007F-\u009F]+@[^@\s.\u0000-\u001F\u007F-\u009F]+(\.[^@\s.\u0000-\u001F\u007F-\u009F]+)+$"),
    example = &"alice@example.com"
)]
pub struct Email(pub String);

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = text.chars().count() <= LONGEST_EMAIL
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text.rsplit_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && !local.contains('@')
                    && domain.contains('.')
                    && domain.split('.').all(|label| !label.is_empty())
            });
        if fits { Ok(Self(text)) } else { Err(serde::de::Error::custom("must be an e-mail address")) }
    }
}

/// Telegram's numbers have at most 52 significant bits (core.telegram.org/bots/api, `User`).
const MAX_TELEGRAM_NUMBER: u64 = (1 << 52) - 1;

/// A Telegram account: its number, or its name with or without `@`, by itself or as a link.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(
    inline,
    extend("type" = ["string", "integer"], "pattern" = "^@?[A-Za-z0-9_]{1,32}$", "minimum" = 0, "maximum" = MAX_TELEGRAM_NUMBER),
    example = &"@alice"
)]
pub struct TelegramId(pub String);

impl<'de> Deserialize<'de> for TelegramId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            Value::Number(number) if number.as_u64().is_some_and(|number| number <= MAX_TELEGRAM_NUMBER) => {
                number.to_string()
            }
            _ => return Err(serde::de::Error::custom("must be a Telegram name or number")),
        };
        let text = text.trim();
        let link = ["https://", "http://"].iter().find_map(|of| text.strip_prefix(of)).unwrap_or(text);
        let of_link = ["t.me/", "telegram.me/", "tg://resolve?domain=", "tg://user?id="];
        let name = of_link.iter().find_map(|of| link.strip_prefix(of)?.split(['/', '?', '&', '#']).next());
        let text = name.unwrap_or(text).to_owned();
        let name = text.strip_prefix('@').unwrap_or(&text);
        let fits = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if fits {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("must be a Telegram name or number of up to 32 characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_shape() {
        let email = |text: &str| serde_json::from_value::<Email>(text.into()).is_ok();
        for good in ["a@example.com", "иван@пример.рф", "a.b+c@sub.example.com", "\"a\"@e.co"] {
            assert!(email(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@example",
            "a b@example.com",
            "a@b@c.com",
            "a@e..com",
            "a@\n.com",
            &long,
        ] {
            assert!(!email(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_telegram_account_is_a_name_or_a_number() {
        let telegram = |text: &str| serde_json::from_value::<TelegramId>(text.into()).is_ok();
        assert!(telegram("@latch_key") && telegram("123456789") && telegram("Latchkey"));
        for bad in ["", "@", "a b", "ключ", "t.me/", "example.com/x", &"a".repeat(33)] {
            assert!(!telegram(bad), "{bad:?}");
        }
        for (sent, stored) in [
            (Value::from(123_456_789), "123456789"),
            ("https://t.me/latch_key".into(), "latch_key"),
            ("t.me/latch_key".into(), "latch_key"),
            ("https://t.me/latch_key/".into(), "latch_key"),
            ("http://telegram.me/latch_key?start=1".into(), "latch_key"),
            ("tg://resolve?domain=latch_key&start=1".into(), "latch_key"),
            ("tg://user?id=123456789".into(), "123456789"),
            (" @latch_key ".into(), "@latch_key"),
        ] {
            assert_eq!(serde_json::from_value::<TelegramId>(sent).unwrap().0, stored);
        }
        assert!(serde_json::from_value::<TelegramId>(MAX_TELEGRAM_NUMBER.into()).is_ok());
        for bad in
            [Value::from(MAX_TELEGRAM_NUMBER + 1), Value::from(-1), Value::from(1.5), Value::Bool(true)]
        {
            assert!(serde_json::from_value::<TelegramId>(bad).is_err());
        }
    }
}
