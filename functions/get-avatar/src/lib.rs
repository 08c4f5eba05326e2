//! `GET /v1/avatars/{avatar_id}`: an avatar, for whoever knows its identifier.
//!
//! Tests: local/tests/it/avatars.rs.

use latchkey::domain::avatar::AvatarId;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Immutable;
use latchkey::tables::avatars::Avatars;
use schemars::JsonSchema;
use serde::Deserialize;

latchkey::function!(GetAvatar);

/// Serves an avatar, to anyone who knows its identifier.
///
/// The image under an address never changes, so it may be cached for ever.
#[derive(JsonSchema)]
pub struct GetAvatar;

/// The path of an avatar.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AvatarPath {
    /// The avatar's identifier: 32 hexadecimal digits that cannot be guessed.
    #[schemars(example = &"9c1185a5c5e9fc54612808977ee8f548")]
    avatar_id: String,
}

impl Endpoint for GetAvatar {
    const ROUTE: Route = Route::get("/v1/avatars/{avatar_id}");
    const PROBLEMS: &'static [Code] = &[Code::AvatarNotFound];

    type Caller = Anyone;
    type Path = AvatarPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Immutable;
    type Needs = Avatars;

    async fn call(avatars: &Avatars, request: Request<Self>) -> Result<Immutable, Problem> {
        let id = AvatarId::parse(&request.path.avatar_id).ok_or(Code::AvatarNotFound)?;
        let avatar = avatars.get(&id).await?.ok_or(Code::AvatarNotFound)?;
        Ok(Immutable { media_type: avatar.format.media_type(), bytes: avatar.bytes })
    }
}
