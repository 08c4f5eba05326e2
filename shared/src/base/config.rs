//! Parameters: what a deployment or a laptop may set, each declared once.
//!
//! An empty variable is an unset one; a bad one stops the start and is named.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::list::listed;

/// One parameter: the name of its variable, its default as a string, and what it
/// is for.
#[derive(Debug)]
pub struct Parameter {
    /// The environment variable.
    pub name: &'static str,
    /// What holds where the variable is unset or empty.
    pub default: &'static str,
    /// One line for people: meaning, unit, bounds.
    pub about: &'static str,
}

macro_rules! parameters {
    ($($name:ident = $default:literal, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: &Parameter =
                &Parameter { name: stringify!($name), default: $default, about: $about };
        )*

        /// All of them, in the order in which documents list them.
        pub const PARAMETERS: &[&Parameter] = &[$($name),*];
    };
}

parameters! {
    CODE_LENGTH = "4", "Digits in a code: 4 to 8.";
    CODE_TTL = "300", "Seconds a code can be entered: 30 to 3600.";
    MAX_ATTEMPTS = "5", "Guesses compared against one code; 0: no limit.";
    RESEND_COOLDOWN = "60", "Seconds between two texts to one phone; 0: none.";
    CODES_PER_PHONE_HOUR = "5", "Texts to one phone in any hour, at most 50; 0: no limit.";
    CODES_PER_PHONE_DAY = "10", "Texts to one phone in any 24 hours, at most 50; 0: no limit.";
    GUESSES_PER_PHONE_DAY = "10", "Wrong guesses for one phone in any 24 hours, at most 50; 0: no limit.";
    CODES_PER_IP_HOUR = "60", "Codes asked for by one IPv4 address or IPv6 /64 in an hour of the clock; 0: no limit.";
    GUESSES_PER_IP_HOUR = "60", "Guesses from one IPv4 address or IPv6 /64 in an hour of the clock; 0: no limit.";
    TEXTS_PER_DAY = "10000", "Texts of the whole deployment in a day (UTC), never exceeded; 0: no limit.";
    TEXTS_RESERVED = "20", "How many percent of a day's texts are kept for devices that have signed in before.";
    GUARD_STOCKS = "100", "How many percent of its stocks of texts the guard against pumping gives each block of numbers, range and country, at most 10000; 0: it is off.";
    PROOF_COST = "500", "How hard the easiest proof of work is that the guard asks for: iterations of PBKDF2 a key, of 4096 keys on average; 1 to 100000.";
    ALLOWED_COUNTRIES = "", "Countries whose numbers are texted: two letters of ISO 3166 each, separated by commas, and 001 for numbers of no country; empty: all countries.";
    INVITE_GUESSES_PER_DAY = "20", "Wrong invite codes of one phone in a day (UTC); 0: no limit.";
    TEST_PHONES = "", "Numbers with a fixed code until the end of a day (UTC), never texted, so that they need not exist: +12015550123=1234@2026-12-31, separated by commas.";
    ADMIN_PHONES = "", "Numbers whose accounts are admins' from the moment they are made, separated by commas.";
    SHOW_PHONES = "full", "How users see the phones of others: full, or masked.";
    ACCESS_TTL = "900", "Seconds an access token is good for: 60 to 86400.";
    REFRESH_TTL = "31536000", "Seconds after which a session ends unless it is refreshed, at least ACCESS_TTL; 0: never.";
    SESSION_TTL = "0", "Seconds after which a session ends, however much it is used; 0: never.";
    REFRESH_GRACE = "30", "Seconds for which a replaced refresh token still gives the same new one after that was first used, up to 3600; 0: none.";
    REFRESH_RETRY = "3600", "Seconds for which a replaced refresh token gives the same new one while nobody uses that, up to 86400; 0: none.";
    AUDIT_DAYS = "400", "Days for which the audit trail keeps an entry, up to 3650; 0: for ever.";
    RECOVERY_HOLD = "259200", "Seconds after which a sign-in with the new number completes the move of an account whose number is lost, up to 2592000; 0: at once.";
    REQUIRE_CHALLENGE = "false", "Whether exchanging a code needs the challenge_id that came with it.";
    REVEAL_CODE = "false", "Whether the answer to a request for a code holds the code; never in a deployed function.";
    DEFAULT_REGION = "RU", "The region in whose way a phone without + is read: two letters of ISO 3166.";
    EXTRA_NUMBER_RANGES = "", "Ranges of mobile numbers that the numbering plans do not know yet: what they begin with and how many digits they have in all, +7995=11, separated by commas.";
    PUBLIC_URL = "", "Where people reach the API, without a slash at the end; empty: the request's host.";
    ISSUER = "", "The iss of access tokens; empty: PUBLIC_URL.";
    AUDIENCE = "latchkey", "The aud of access tokens.";
    APP_NAME = "Latchkey", "The app's name in texts and on the share page.";
    APP_LINK_IOS = "", "Where the share page sends iPhones; {invite_code} in it stands for the code, and without it the address stays as it is.";
    APP_LINK_ANDROID = "", "Where the share page sends Android phones; {invite_code} in it stands for the code, and without it the address stays as it is.";
    APP_LINK_WEB = "", "Where the share page sends all others; {invite_code} in it stands for the code, and without it the address stays as it is.";
    IOS_APP_IDS = "", "Apps that open share links, fill in codes and use passkeys on iPhones: ABCDE12345.com.example.app, separated by commas.";
    ANDROID_APPS = "", "Apps that open share links and use passkeys on Android: com.example.app=<SHA-256 of its certificate as AA:BB:…>, separated by commas.";
    PASSKEY_RP_ID = "", "The domain that passkeys are bound to, for good: example.com; empty: the host of PUBLIC_URL.";
    PASSKEY_ORIGINS = "", "Web pages besides this site that passkeys may be used on: https:// and the host of each, separated by commas.";
    CORS_ORIGINS = "", "Web pages of other origins and web views of apps that may call the API: scheme and host of each, such as capacitor://localhost, separated by commas; * for all; empty: none.";
    SMS_PROVIDER = "inbox", "Who sends the texts: sns, smsaero, webhook, or on a laptop inbox, which shows them.";
    SMS_FALLBACK = "", "Who is asked where SMS_PROVIDER refused a text, and only then: sns, smsaero or webhook; empty: nobody.";
    SMS_WEBHOOK_URL = "", "Where webhook posts texts to, as Standard Webhooks has it: an https address.";
    SMS_WEBHOOK_SECRET = "", "Keys that its requests are signed under: whsec_ and 24 to 64 bytes in base64 each, separated by commas; all sign.";
    SMS_WEBHOOK_SECRET_ARN = "", "The Secrets Manager secret that holds SMS_WEBHOOK_SECRET.";
    SMS_DOMAIN = "", "The domain in the last line of texts, by which iPhones fill in the code: example.com.";
    APP_HASHES = "", "Hashes of Android apps that may be the last line of texts, separated by commas: FA+9qCX9VSu.";
    SNS_SENDER_ID = "", "The alphanumeric sender of texts by SNS, where a country allows one.";
    SNS_ORIGINATION_NUMBER = "", "The number that texts by SNS come from, in E.164 or as a short code, where a country asks for one.";
    SNS_MAX_PRICE = "", "The most that one text by SNS may cost, in USD; empty: no bound of its own.";
    SMSAERO_EMAIL = "", "The account at SMS Aero.";
    SMSAERO_API_KEY = "", "The key of that account.";
    SMSAERO_API_KEY_ARN = "", "The Secrets Manager secret that holds SMSAERO_API_KEY.";
    SMSAERO_SIGN = "", "The sender of texts by SMS Aero, as agreed with them.";
    SMS_DELAY_MS = "0", "How long the inbox waits like a carrier, in milliseconds: 300, or a range such as 1000-2000.";
    SIGNING_SECRET = "", "Entries that access tokens are signed under, of 16 characters or more, separated by commas; the first signs, all verify.";
    SIGNING_SECRET_ARN = "", "The Secrets Manager secret that holds SIGNING_SECRET.";
    PEPPER_SECRET = "", "Entries that codes are hashed under, of 16 characters or more, separated by commas; the first hashes.";
    PEPPER_SECRET_ARN = "", "The Secrets Manager secret that holds PEPPER_SECRET.";
    TRUSTED_PROXY = "", "The header in which a proxy in front tells the caller's address, such as CloudFront-Viewer-Address; empty: there is none, and the caller is who connects.";
    TRUSTED_PROXY_SECRET = "", "What the proxy sends as x-proxy-secret, of 16 characters or more; several, separated by commas, are all taken.";
    TRUSTED_PROXY_SECRET_ARN = "", "The Secrets Manager secret that holds TRUSTED_PROXY_SECRET.";
    USERS_TABLE = "UsersTable", "The table of users and all that is unique.";
    CODES_TABLE = "CodesTable", "The table of codes and send times.";
    SESSIONS_TABLE = "SessionsTable", "The table of sessions.";
    AUDIT_TABLE = "AuditTable", "The table of the audit trail.";
    AWS_ENDPOINT_URL_DYNAMODB = "", "Another DynamoDB than the region's: a local engine.";
    AWS_ENDPOINT_URL_SNS = "", "Another SNS than the region's.";
}

/// A parameter that stops the start, in words for whoever set it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct BadParameter {
    /// The variable's name.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The variables of a process, handed in.
///
/// `Debug` shows names only: values may be secrets.
#[derive(Clone, Default)]
pub struct Vars {
    values: HashMap<String, String>,
    asked: Option<Asked>,
}

/// The parameters that were asked for.
type Asked = Arc<Mutex<BTreeSet<&'static str>>>;

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Vars {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, asked: None }
    }
}

impl Vars {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// These, with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// A variable that is no parameter of ours, such as `AWS_REGION`, without blanks
    /// around it; empty counts as unset.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The names of all that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Whether this process is a function in a real deployment: in Lambda, not
    /// under `sam local`, and with the region's own DynamoDB.
    pub fn is_deployed(&self) -> bool {
        self.raw("AWS_LAMBDA_FUNCTION_NAME").is_some()
            && self.raw("AWS_SAM_LOCAL").is_none()
            && self.raw(AWS_ENDPOINT_URL_DYNAMODB.name).is_none()
    }

    /// These, of which is remembered from now on what is asked for: what a
    /// function declares to read is held to what it reads.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { asked: Some(Asked::default()), ..self }
    }

    /// The names of the parameters that were asked for, of these or of a clone.
    pub fn asked(&self) -> BTreeSet<&'static str> {
        self.asked
            .as_ref()
            .map(|asked| asked.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// A parameter as a string, its default where it is unset.
    pub fn text(&self, parameter: &Parameter) -> &str {
        if let Some(asked) = &self.asked {
            asked.lock().unwrap_or_else(PoisonError::into_inner).insert(parameter.name);
        }
        self.raw(parameter.name).unwrap_or(parameter.default)
    }

    /// A parameter as a string, `None` where it is unset and has no default.
    pub fn optional(&self, parameter: &Parameter) -> Option<&str> {
        Some(self.text(parameter)).filter(|value| !value.is_empty())
    }

    /// The items of a parameter that is a list, separated by commas.
    pub fn list(&self, parameter: &Parameter) -> impl Iterator<Item = &str> {
        listed(self.text(parameter))
    }

    /// A parameter as anything that can be parsed.
    ///
    /// # Errors
    /// `BadParameter` with the parser's words.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&self, parameter: &Parameter) -> Result<T, BadParameter> {
        self.text(parameter)
            .parse()
            .map_err(|error: T::Err| BadParameter { name: parameter.name, problem: error.to_string() })
    }

    /// A parameter as a whole number within `range`.
    pub fn number(&self, parameter: &Parameter, range: RangeInclusive<u32>) -> Result<u32, BadParameter> {
        let text = self.text(parameter);
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| BadParameter {
            name: parameter.name,
            problem: format!(
                "must be a whole number from {} to {}, not {text:?}",
                range.start(),
                range.end()
            ),
        })
    }

    /// A parameter as `true` or `false`.
    pub fn flag(&self, parameter: &Parameter) -> Result<bool, BadParameter> {
        match self.text(parameter) {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(BadParameter {
                name: parameter.name,
                problem: format!("must be true or false, not {other:?}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let vars = Vars::from_iter([("CODE_LENGTH", ""), ("CODE_TTL", " "), ("APP_NAME", " Our App ")]);
        assert_eq!(vars.number(CODE_LENGTH, 4..=8), Ok(4));
        assert_eq!(vars.number(CODE_TTL, 30..=3600), Ok(300));
        assert_eq!(vars.text(APP_NAME), "Our App");
        assert_eq!(vars.optional(PUBLIC_URL), None);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let vars = Vars::from_iter([("CODE_LENGTH", "9"), ("REQUIRE_CHALLENGE", "yes")]);
        let error = vars.number(CODE_LENGTH, 4..=8).unwrap_err().to_string();
        assert_eq!(error, "CODE_LENGTH: must be a whole number from 4 to 8, not \"9\"");
        assert!(vars.flag(REQUIRE_CHALLENGE).unwrap_err().to_string().starts_with("REQUIRE_CHALLENGE"));
    }

    #[test]
    fn values_are_not_shown() {
        let vars = Vars::from_iter([("PEPPER_SECRET", "hush")]);
        assert_eq!(format!("{vars:?}"), r#"{"PEPPER_SECRET"}"#);
    }
}
