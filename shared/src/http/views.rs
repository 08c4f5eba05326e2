//! How users are shown: the shapes that several endpoints answer with.

use schemars::JsonSchema;
use serde::Serialize;
use tokio::try_join;

use crate::base::config::Parameter;
use crate::base::config::{self, BadParameter};
use crate::base::world::Rfc3339;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::domain::avatar::AvatarId;
use crate::domain::invite_code::InviteCode;
use crate::domain::passkey::Passkey;
use crate::domain::passkey_list::PasskeyId;
use crate::domain::phone::Phone;
use crate::domain::position::Position;
use crate::domain::user::{Referral, Role, Status, User, UserId};
use crate::http::context::Context;
use crate::http::page::{PageSize, cursor};
use crate::settings;
use crate::tables;
use crate::tables::referrals::Referrals;
use crate::tables::users::Users;
use crate::tokens::issuer::Tokens;

/// Another user, as a profile shows one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Person {
    /// The identifier of that user.
    #[schemars(example = &"01a1fbc2-5d0e-7f8a-9b1c-2d3e4f5a6b7c")]
    pub id: UserId,
    /// The phone number of that user, as the caller sees it: whole, or masked as in `+7900•••0009`.
    #[schemars(example = &"+79000000009")]
    pub phone: String,
}

/// A user as lists show one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListedUser")]
pub struct Listed {
    /// The user's identifier.
    id: UserId,
    /// The phone number that the user proved to have, in E.164.
    phone: Phone,
    /// The user's own invite code, for friends to enter.
    invite_code: InviteCode,
    /// The friend's invite code that the user entered; null until one is.
    #[schemars(example = &"7Q2M4X")]
    activated_invite_code: Option<InviteCode>,
    /// The user's e-mail address, unverified; null until one is set.
    #[schemars(example = &"alice@example.com")]
    email: Option<String>,
    /// The user's city, as the user wrote it; null until one is set.
    #[schemars(example = &"Omsk")]
    city: Option<String>,
    /// The user's Telegram name or number, unverified; null until one is set.
    #[schemars(example = &"@alice")]
    telegram_id: Option<String>,
    /// The address of the avatar, which anyone who knows it may read; null if there is none.
    #[schemars(example = &"https://api.example.com/v1/avatars/9c1185a5c5e9fc54612808977ee8f548")]
    avatar_url: Option<String>,
    /// What the user may do to others.
    #[schemars(example = &"user")]
    role: Role,
    /// Whether the user may sign in.
    #[schemars(example = &"active")]
    status: Status,
    /// When the user first signed in.
    created_at: Rfc3339,
}

impl Listed {
    /// That of `user`.
    pub fn new(user: User, context: &Context) -> Self {
        Self {
            avatar_url: user.avatar_id.as_ref().map(|id| avatar_url(id, context)),
            id: user.id,
            phone: user.phone,
            invite_code: user.invite_code,
            activated_invite_code: user.activated_invite_code,
            email: user.email,
            city: user.city,
            telegram_id: user.telegram_id,
            role: user.role,
            status: user.status,
            created_at: Rfc3339(user.created_at),
        }
    }
}

/// A user as the answer to a sign-in shows one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignedInUser")]
pub struct Newcomer {
    #[serde(flatten)]
    user: Listed,
    /// The owner of the code that the user entered; null until one is entered, and once that account is deleted.
    referrer: Option<Person>,
}

impl Newcomer {
    /// That of `user`.
    pub fn new(user: User, referrer: Option<Person>, context: &Context) -> Self {
        Self { user: Listed::new(user, context), referrer }
    }
}

/// A pair of tokens, and the user who signed in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedIn {
    #[serde(flatten)]
    /// The tokens.
    pub tokens: Tokens,
    /// Whether this sign-in made the account.
    #[schemars(example = true)]
    pub is_new: bool,
    /// The user who signed in.
    pub user: Newcomer,
    /// Why the invite code was not activated: the `code` of that problem. Absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_error: Option<String>,
}

/// A passkey as the API shows one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Passkey")]
pub struct PasskeyView {
    /// The passkey's identifier; `DELETE /v1/users/{user_id}/passkeys/{passkey_id}` removes the passkey.
    id: PasskeyId,
    /// The name that its owner gave it; null if none.
    #[schemars(example = &"iPhone")]
    name: Option<String>,
    /// When it was added.
    created_at: Rfc3339,
    /// When it last signed its owner in; null if it never did.
    last_used_at: Option<Rfc3339>,
    /// Whether it was on several devices, or backed up, when it was last used.
    #[schemars(example = true)]
    synced: bool,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            created_at: Rfc3339(passkey.created_at),
            last_used_at: passkey.last_used_at.map(Rfc3339),
            synced: passkey.synced,
        }
    }
}

/// A user as the API shows one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct Profile {
    #[serde(flatten)]
    user: Newcomer,
    /// The phone numbers of the last 50 who entered this user's code, newest first. They are masked where the
    /// deployment says so.
    #[schemars(example = ["+79000000002", "+79000000003"])]
    referrals: Vec<String>,
    /// What to send as `?cursor=` to `/v1/users/{user_id}/referrals` to get the rest; null if there are no more.
    referrals_cursor: Option<String>,
    /// How many users entered this user's code in all.
    #[schemars(example = 2)]
    referrals_count: u64,
}

/// What a profile shows and is read once the user is.
#[derive(Debug)]
pub struct Related {
    /// Who invited the user.
    referrer: Option<Person>,
    /// How many the user invited.
    count: u64,
    /// The first of them.
    page: (Vec<Referral>, Option<Position>),
}

/// What shows users, and decides how phones of others are shown.
pub struct Profiles {
    users: Users,
    referrals: Referrals,
    masks: bool,
}

impl Profiles {
    /// The parameters that [`Profiles::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[&[config::SHOW_PHONES], tables::USERS];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self {
            users: Users::new(setup),
            referrals: Referrals::new(setup),
            masks: settings::masks_phones(&setup.vars)?,
        })
    }

    /// The phone of somebody else, as `viewer` sees it: moderators and admins
    /// see all of it.
    pub fn phone(&self, phone: &Phone, viewer: &User) -> String {
        if self.masks && viewer.role == Role::User { phone.masked() } else { phone.as_str().to_owned() }
    }

    /// Whoever `id` is, as `viewer` sees them; `None` where it is nobody or the
    /// account is gone.
    pub async fn person(&self, id: Option<&UserId>, viewer: &User) -> Result<Option<Person>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        let user = self.users.get(id).await?;
        Ok(user.map(|user| Person { phone: self.phone(&user.phone, viewer), id: user.id }))
    }

    /// What [`Profiles::related`] has to know of a user's referrals: read it beside the user.
    pub async fn first_count(&self, of: &UserId) -> Result<u64, StoreError> {
        self.referrals.first_count(of).await
    }

    /// What else a profile of `user` shows `viewer`; `count` as it was read beside the
    /// user. Most people invited nobody, and are not asked whom.
    pub async fn related(&self, user: &User, count: u64, viewer: &User) -> Result<Related, StoreError> {
        let referrer = self.person(user.referrer_id.as_ref(), viewer);
        let page = self.referrals.first_page(user, count, PageSize::default().0);
        let (referrer, count, page) = try_join!(referrer, self.referrals.count(user, count), page)?;
        Ok(Related { referrer, count, page })
    }

    /// The profile of `user`, as `viewer` sees it.
    pub fn profile(
        &self,
        user: User,
        Related { referrer, count, page: (page, next) }: Related,
        viewer: &User,
        context: &Context,
    ) -> Profile {
        Profile {
            referrals: page.iter().map(|referral| self.phone(&referral.phone, viewer)).collect(),
            referrals_cursor: referrals_cursor(&user.id, next.as_ref()),
            referrals_count: count,
            user: Newcomer::new(user, referrer, context),
        }
    }
}

/// Where an avatar is.
pub fn avatar_url(id: &AvatarId, context: &Context) -> String {
    format!("{}/v1/avatars/{}", context.public_url, id.as_str())
}

/// The name of the list of a user's referrals, which its cursors hold.
pub fn referrals_list(of: &UserId) -> String {
    format!("referrals/{of}")
}

/// The cursor of a user's referrals that stands behind `position`.
pub fn referrals_cursor(of: &UserId, position: Option<&Position>) -> Option<String> {
    position.map(|position| cursor(&referrals_list(of), position.as_str()))
}
