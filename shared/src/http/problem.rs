//! Problems: what an endpoint answers when it cannot do as asked, as RFC 9457
//! `application/problem+json`.

use std::borrow::Cow;
use std::error::Error;

use altcha::Challenge;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::base::error::Chain;
use crate::base::metrics;
use crate::base::metrics::Metric;
use crate::base::world::{Rfc3339, Timestamp};
use crate::cloud::error::StoreError;
use crate::domain::avatar::AvatarError;
use crate::domain::fate::Why;
use crate::domain::invite::InviteRefusal;
use crate::domain::limits::{LimitMet, LimitOf};
use crate::domain::passkey::NotAccepted;
use crate::domain::phone::PhoneError;
use crate::http::context::Context;
use crate::http::response::{IntoResponse as _, Tailored};
use crate::sms::refusal::NotSent;

macro_rules! catalogue {
    ($($status:literal { $($variant:ident $code:literal $title:literal;)* })*) => {
        /// The stable code of a problem: what apps translate. Each names its
        /// status and title; `docs/errors.md` lists the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $title] $variant,)*)*
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// The code as it stands in an answer.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$variant => $code,)*)* }
            }

            /// One English sentence, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $($(Self::$variant => $title,)*)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                let status = match self { $($(Self::$variant => $status,)*)* };
                match StatusCode::from_u16(status) {
                    Ok(status) => status,
                    Err(_) => panic!("a status of the catalogue is none"),
                }
            }
        }
    };
}

catalogue! {
    400 {
        MalformedJson "malformed_json" "The body is not JSON";
    }
    401 {
        MissingToken "missing_token" "An access token is needed";
        InvalidToken "invalid_token" "The access token is not valid";
        SessionEnded "session_ended" "The session has ended";
        InvalidRefreshToken "invalid_refresh_token" "The refresh token is not valid";
    }
    403 {
        Forbidden "forbidden" "This is not yours to do";
        AccountBanned "account_banned" "The account is banned";
        ProofRequired "proof_required" "A proof of work is needed";
        RecentSignInRequired "recent_sign_in_required" "A recent sign-in is needed";
    }
    404 {
        NotFound "not_found" "There is nothing here";
        UserNotFound "user_not_found" "There is no such user";
        SessionNotFound "session_not_found" "There is no such session";
        AvatarNotFound "avatar_not_found" "There is no such avatar";
        InviteCodeNotFound "invite_code_not_found" "There is no such invite code";
        PasskeyNotFound "passkey_not_found" "There is no such passkey";
    }
    405 {
        MethodNotAllowed "method_not_allowed" "The method does not fit this path";
    }
    409 {
        InviteAlreadyActivated "invite_already_activated" "An invite code was activated already";
        InviteLoop "invite_loop" "Two people cannot invite each other";
        PhoneTaken "phone_taken" "Another account has this phone";
        PhoneReserved "phone_reserved" "This phone is reserved for an account that moves to it";
        TooManyPasskeys "too_many_passkeys" "The account has as many passkeys as it can have";
        PasskeysNotConfigured "passkeys_not_configured" "Passkeys need a domain that stays";
    }
    413 {
        BodyTooLarge "body_too_large" "The body is too large";
    }
    415 {
        UnsupportedMediaType "unsupported_media_type" "The body's type is not supported";
    }
    422 {
        InvalidRequest "invalid_request" "The request has invalid fields";
        InvalidPhone "invalid_phone" "The phone number cannot be used";
        CountryNotAllowed "country_not_allowed" "Numbers of this country are not texted";
        InvalidCode "invalid_code" "The code is not valid";
        PasskeyNotAccepted "passkey_not_accepted" "The passkey was not accepted";
        OwnInviteCode "own_invite_code" "One's own invite code cannot be activated";
        InvalidCursor "invalid_cursor" "The cursor does not belong to this list";
        InvalidImage "invalid_image" "The image cannot be used";
        IdempotencyMismatch "idempotency_mismatch" "The idempotency key came with another body before";
    }
    429 {
        ResendTooSoon "resend_too_soon" "A code was just sent";
        TooManyCodes "too_many_codes" "Too many codes were sent to this phone";
        TooManyGuesses "too_many_guesses" "Too many wrong codes were entered for this phone";
        TooManyRequests "too_many_requests" "Too many requests came from this address";
        TooManyInviteGuesses "too_many_invite_guesses" "Too many wrong invite codes were entered";
    }
    503 {
        TextsPaused "texts_paused" "No texts are sent right now";
        TextNotSent "text_not_sent" "The text could not be sent";
        OutcomeUnknown "outcome_unknown" "It is not known whether it was done; it is safe to repeat";
        Unavailable "unavailable" "The service cannot answer right now";
    }
}

/// After how many seconds a 503 may be tried again: long enough for a
/// throttled table to breathe.
const RETRY_UNAVAILABLE_AFTER: u64 = 1;

/// After how many seconds to ask again where the money for texts is spent:
/// somebody has to raise a limit first.
const RETRY_BUDGET_AFTER: u64 = 3_600;

/// A problem with all that its answer holds. What went wrong inside is logged,
/// never shown.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    extras: Map<String, Value>,
    retry_after: Option<u64>,
    allow: Option<String>,
    page: Option<Box<Tailored>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// In the words of the catalogue.
impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.title()),
            extras: Map::new(),
            retry_after: (code.status() == StatusCode::SERVICE_UNAVAILABLE)
                .then_some(RETRY_UNAVAILABLE_AFTER),
            allow: None,
            page: None,
            cause: None,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unavailable(_) => Code::Unavailable,
            StoreError::OutcomeUnknown(_) => Code::OutcomeUnknown,
        };
        Self::from(code).cause(error)
    }
}

impl From<AvatarError> for Problem {
    fn from(error: AvatarError) -> Self {
        Self::from(Code::InvalidImage).detail(error.to_string())
    }
}

impl From<PhoneError> for Problem {
    fn from(error: PhoneError) -> Self {
        Self::from(Code::InvalidPhone).detail(error.to_string())
    }
}

/// What the person can do about it is what tells the codes apart.
impl From<NotSent> for Problem {
    fn from(refused: NotSent) -> Self {
        let problem = match refused.why {
            Why::BadNumber => Self::from(Code::InvalidPhone).detail("The carrier does not take this number."),
            Why::OptedOut => {
                Self::from(Code::InvalidPhone).detail("The owner of this number asked for no more texts.")
            }
            Why::OverBudget => Self { retry_after: Some(RETRY_BUDGET_AFTER), ..Code::TextsPaused.into() },
            Why::Throttled | Why::Refused => Code::TextNotSent.into(),
        };
        problem.cause(refused)
    }
}

/// One answer, whatever was wrong; which it was is logged.
impl From<NotAccepted> for Problem {
    fn from(why: NotAccepted) -> Self {
        tracing::info!(%why, "a passkey was not accepted");
        Code::PasskeyNotAccepted.into()
    }
}

impl From<&InviteRefusal> for Code {
    fn from(refusal: &InviteRefusal) -> Self {
        match refusal {
            InviteRefusal::AlreadyActivated(_) => Self::InviteAlreadyActivated,
            InviteRefusal::Own => Self::OwnInviteCode,
            InviteRefusal::Unknown => Self::InviteCodeNotFound,
        }
    }
}

impl From<InviteRefusal> for Problem {
    fn from(refusal: InviteRefusal) -> Self {
        let problem = Self::from(Code::from(&refusal));
        match refusal {
            InviteRefusal::AlreadyActivated(code) => problem.extra("activated_invite_code", code.as_str()),
            InviteRefusal::Own | InviteRefusal::Unknown => problem,
        }
    }
}

impl Problem {
    /// Which problem.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// With words for this occurrence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With what went wrong inside, for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With a page in the place of JSON, for people.
    #[must_use]
    pub fn page(mut self, page: Tailored) -> Self {
        self.page = Some(Box::new(page));
        self
    }

    fn extra(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }

    /// 422 with the one field at fault, named as in the request.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::from(Code::InvalidRequest)
            .detail(if field.is_empty() { message.clone() } else { format!("{field}: {message}") })
            .extra("errors", json!([{ "field": field, "message": message }]))
    }

    /// 422 for a code that is wrong, expired, used, replaced or was never sent:
    /// one answer. `attempts_left` is 0 where only a new code helps, `None`
    /// where guesses are not limited.
    pub fn invalid_code(attempts_left: Option<u32>) -> Self {
        let detail = match attempts_left {
            Some(0) => "This code cannot be used; ask for a new one.",
            _ => "This is not the code that was sent.",
        };
        Self::from(Code::InvalidCode).detail(detail).extra("attempts_left", attempts_left)
    }

    /// 429 or 503 as long as a limit holds, which is counted.
    pub fn limited(limit: LimitMet, now: Timestamp) -> Self {
        metrics::count(Metric::Limited(limit.of.name()));
        let code = match limit.of {
            LimitOf::Cooldown => Code::ResendTooSoon,
            LimitOf::Codes => Code::TooManyCodes,
            LimitOf::Guesses => Code::TooManyGuesses,
            LimitOf::Address => Code::TooManyRequests,
            LimitOf::InviteGuesses => Code::TooManyInviteGuesses,
            LimitOf::Day | LimitOf::Place => Code::TextsPaused,
        };
        let seconds = now.seconds_until(limit.until);
        Self { retry_after: Some(seconds), ..code.into() }
            .detail(format!("{}; try again in {seconds} s.", code.title()))
    }

    /// 403 with the challenge whose solution the same request is to bring.
    pub fn proof_required(challenge: &Challenge) -> Self {
        metrics::count(Metric::ProofsAsked);
        Self::from(Code::ProofRequired).extra("challenge", json!(challenge))
    }

    /// 403 as long as a device is too new to an account with passkeys for what was asked.
    pub fn held(until: Timestamp, now: Timestamp) -> Self {
        let detail = "This device is new to an account that has passkeys: sign in with one of them, or wait.";
        Self { retry_after: Some(now.seconds_until(until)), ..Code::RecentSignInRequired.into() }
            .detail(detail)
    }

    /// 409 for a number that an account moves to, as it does from `until` on.
    pub fn phone_reserved(until: Timestamp) -> Self {
        Self::from(Code::PhoneReserved).extra("reserved_until", Rfc3339(until).to_string())
    }

    /// 503 for a request that was begun before, and it is not known what came of
    /// it; it can be repeated from `until` on.
    pub fn begun(until: Timestamp, now: Timestamp) -> Self {
        Self { retry_after: Some(now.seconds_until(until).max(1)), ..Code::OutcomeUnknown.into() }
    }

    /// 405 with the methods that this path has.
    pub fn method_not_allowed(methods: &[&str]) -> Self {
        let allow = methods.join(", ");
        let problem = Self::from(Code::MethodNotAllowed).detail(format!("This path takes {allow}."));
        Self { allow: Some(allow), ..problem }
    }

    /// The answer, and a line in the log where something went wrong inside.
    pub fn into_response(self, context: &Context) -> Response<Bytes> {
        if let Some(cause) = &self.cause {
            tracing::warn!(code = self.code.as_str(), cause = %Chain(&**cause), "a problem inside");
        }
        if matches!(self.code, Code::TextsPaused | Code::TextNotSent) {
            metrics::count(Metric::TextsUnsent);
        }
        let status = self.code.status();
        if let Some(page) = self.page {
            let mut response = page.into_response();
            *response.status_mut() = status;
            response.headers_mut().remove(CACHE_CONTROL);
            return response;
        }
        let body = Wire {
            kind: format!("{}/docs#{}", context.public_url, self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code.as_str(),
            request_id: &context.request_id,
            retry_after: self.retry_after,
            extras: self.extras,
        };
        let body = serde_json::to_vec(&body).expect("keys are strings");
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(Ok(allow)) = self.allow.map(HeaderValue::try_from) {
            headers.insert(ALLOW, allow);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, challenge(self.code));
        }
        response
    }
}

/// A problem on the wire, in the order in which people read it.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: Cow<'static, str>,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(flatten)]
    extras: Map<String, Value>,
}

/// RFC 6750, section 3: no error code where no token was sent.
fn challenge(code: Code) -> HeaderValue {
    HeaderValue::from_static(match code {
        Code::MissingToken => r#"Bearer realm="latchkey""#,
        _ => r#"Bearer realm="latchkey", error="invalid_token""#,
    })
}
