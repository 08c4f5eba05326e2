//! A line of a file of users: one JSON object, with the names that the API has for it.
//!
//! docs/moving.md is the description for people.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::base::world::{Rfc3339, Timestamp};
use latchkey::domain::avatar::{Avatar, AvatarId, Format};
use latchkey::domain::profile::{Email, TelegramId};
use latchkey::domain::user::{Role, Status, UserId};
use latchkey::http::body::Line as Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339 as Rfc3339Format;

/// What one line says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// A user.
    User(Box<UserLine>),
    /// An invite code that is nobody's any more, and never anybody's again.
    Retired(RetiredLine),
    /// A number that made an admin, and is no user's any more: a hash of it.
    MadeAdmin(MadeAdminLine),
}

/// A user. What is absent is as at a registration.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserLine {
    /// The number, as a person of `DEFAULT_REGION` types it.
    pub(super) phone: String,
    /// The user's identifier, a UUID; without it, one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<UserId>,
    /// When the user first signed in; without it, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<Moment>,
    /// The user's own code. One that is not of our alphabet becomes an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invite_code: Option<String>,
    /// More codes that count as the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
    /// On what terms the user's code may be entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invite: Option<Terms>,
    /// The friend's code that the user entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) activated_invite_code: Option<String>,
    /// When; without it, at `created_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) activated_at: Option<Moment>,
    /// Whose code that was; null for somebody who is gone.
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "null is somebody who is gone, nothing is nobody")]
    pub(super) referrer: Option<Option<Referrer>>,
    /// An e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    /// A city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) city: Option<String>,
    /// A Telegram account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) telegram_id: Option<TelegramText>,
    /// What the user may do to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
    /// Whether the user may sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    /// Whether the number made an admin, which it does once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) made_admin: bool,
    /// The avatar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) avatar: Option<AvatarText>,
}

/// An invite code that is nobody's.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetiredLine {
    /// Its six characters.
    pub(super) retired_invite_code: String,
    /// What else counted as it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
}

/// A number that made an admin.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeAdminLine {
    /// The hash of the number.
    pub(super) made_admin_hash: String,
}

/// On what terms a code may be entered, as the API has them.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// How often in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_uses: Option<u32>,
    /// How often it was, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uses: Option<u32>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Moment>,
    /// Whether it is out of use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) revoked: bool,
}

/// Whose code was entered: by phone or by identifier.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Referrer {
    /// A phone, by itself.
    Phone(String),
    /// As the API shows somebody; the phone may be left out where there is an identifier.
    Person {
        /// The identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<UserId>,
        /// The phone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
    },
}

/// A Telegram account, as text or as a number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct TelegramText(pub(super) serde_json::Value);

/// A picture.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AvatarText {
    /// Its identifier; without it, one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Its media type.
    pub(super) media_type: String,
    /// The file, in base64.
    pub(super) file: String,
}

/// A time in RFC 3339, to the millisecond where it has any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment(pub(super) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = i128::from(self.0.millis()) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .map_err(serde::ser::Error::custom)?
            .format(&Rfc3339Format)
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Rfc3339::deserialize(deserializer).map(|time| Self(time.0))
    }
}

/// A field that is there, null or not.
#[expect(clippy::option_option, reason = "null is told from nothing")]
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Line {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|_| "it is no JSON object".to_owned())?;
        let object = value.as_object().ok_or("it is no JSON object")?;
        let told = |error: serde_json::Error| {
            let words = error.to_string();
            words.split(" at line ").next().unwrap_or_default().to_owned()
        };
        if object.contains_key("retired_invite_code") {
            return serde_json::from_value(value).map(Self::Retired).map_err(told);
        }
        if object.contains_key("made_admin_hash") {
            return serde_json::from_value(value).map(Self::MadeAdmin).map_err(told);
        }
        serde_json::from_value(value).map(Box::new).map(Self::User).map_err(told)
    }
}

/// What a user says about themselves, checked as the API checks it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Profile {
    pub(super) email: Option<String>,
    pub(super) city: Option<String>,
    pub(super) telegram_id: Option<String>,
}

impl UserLine {
    /// The profile; an empty text is none.
    ///
    /// # Errors
    /// What of it the API would refuse.
    pub(super) fn profile(&self) -> Result<Profile, String> {
        fn checked<T: serde::de::DeserializeOwned>(
            name: &str,
            value: Option<serde_json::Value>,
        ) -> Result<Option<T>, String> {
            let value = value.filter(|value| !value.is_null() && value.as_str() != Some(""));
            value
                .map(|value| serde_json::from_value(value).map_err(|error| format!("{name} {error}")))
                .transpose()
        }
        let text = |text: &Option<String>| text.clone().map(serde_json::Value::String);
        Ok(Profile {
            email: checked::<Email>("email", text(&self.email))?.map(|email| email.0),
            city: checked::<Text<100>>("city", text(&self.city))?.map(|city| city.0),
            telegram_id: checked::<TelegramId>(
                "telegram_id",
                self.telegram_id.as_ref().map(|of| of.0.clone()),
            )?
            .map(|telegram| telegram.0),
        })
    }
}

impl AvatarText {
    /// That of a picture that is stored.
    pub(super) fn of(id: &AvatarId, avatar: &Avatar) -> Self {
        Self {
            id: Some(id.as_str().to_owned()),
            media_type: avatar.format.media_type().to_owned(),
            file: STANDARD.encode(&avatar.bytes),
        }
    }

    /// That it can be [read](Self::read).
    ///
    /// # Errors
    /// That it is no picture, or not one of ours where it says so.
    pub(super) fn check(&self) -> Result<(), String> {
        drawn(&self.bytes()?)?;
        self.name().map(drop)
    }

    /// The picture, with its identifier where it has one. One of ours stays as it is, any other
    /// is drawn anew, as an upload is.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn read(&self) -> Result<(Option<AvatarId>, Avatar), String> {
        let bytes = self.bytes()?;
        Ok(match self.name()? {
            Some((id, format)) => (Some(id), Avatar { format, bytes }),
            None => (None, drawn(&bytes)?),
        })
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        STANDARD.decode(&self.file).map_err(|_| "avatar is no base64".to_owned())
    }

    fn name(&self) -> Result<Option<(AvatarId, Format)>, String> {
        let Some(id) = &self.id else { return Ok(None) };
        let id = AvatarId::parse(id).ok_or("avatar id is none of ours")?;
        let format = Format::of(&self.media_type).ok_or("avatar media_type is none of ours")?;
        Ok(Some((id, format)))
    }
}

fn drawn(bytes: &[u8]) -> Result<Avatar, String> {
    Avatar::of_upload(bytes).map_err(|error| format!("avatar {error}"))
}
