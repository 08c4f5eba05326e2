//! `PUT /v1/users/me/avatar`: takes one image as the body.
//!
//! Tests: local/tests/it/avatars.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::world::World;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::avatar::{Avatar, AvatarId};
use latchkey::domain::bearer::Bearer;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{Nothing, Upload};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::avatar_url;
use latchkey::tables::avatars::Avatars;
use schemars::JsonSchema;
use serde::Serialize;

latchkey::function!(UploadAvatar);

/// Sets the caller's avatar; the body is the image.
///
/// A JPEG, PNG or WebP by its content, whatever its type says, of at most 256 KiB and 4,096 by 4,096 pixels. It is
/// stored upright, cut to 512 pixels, and without anything else that the file held, such as where it was taken.
#[derive(JsonSchema)]
pub struct UploadAvatar;

/// How often it is stored anew when the user changed meanwhile.
const TRIES: u32 = 8;

/// The address of the new avatar.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StoredAvatar")]
pub struct Stored {
    /// The address of the avatar, which anyone who knows it may read.
    #[schemars(example = &"https://api.example.com/v1/avatars/9c1185a5c5e9fc54612808977ee8f548")]
    avatar_url: String,
}

impl Endpoint for UploadAvatar {
    const ROUTE: Route = Route::put("/v1/users/me/avatar");
    const PROBLEMS: &'static [Code] = &[Code::InvalidImage];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Upload;
    type Output = Json<Stored>;
    type Needs = (Gate, Avatars, Tables, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Stored>, Problem> {
        let (gate, avatars, tables, world) = needs;
        let id = &request.caller.user_id;
        let admit = || gate.admit(&request.caller, id, Self::STAFF);
        let mut me = admit().await?;
        let avatar = Avatar::of_upload(&request.body.0)?;
        for _ in 0..TRIES {
            let avatar_id = AvatarId::draw(&mut *world.rng());
            let storing =
                Transaction::new(world.new_id()).with_all((), avatars.give(&me, &avatar_id, &avatar));
            if let Committed::Done = storing.commit(tables, world).await? {
                return Ok(Json(Stored { avatar_url: avatar_url(&avatar_id, &request.context) }));
            }
            me = admit().await?;
        }
        Err(Code::Unavailable.into())
    }
}
