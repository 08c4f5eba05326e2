//! The functions of the deployment, all in one process.

use std::collections::HashMap;
use std::sync::Arc;

use latchkey::base::error::StartError;
use latchkey::cloud::setup::Setup;
use latchkey::endpoint::declaration::FromEndpoint;
use latchkey::endpoint::function::{Function, Handler};

/// Every function, the issuing ones first: the others look for their keys.
pub fn all<T: FromEndpoint>() -> Vec<Function<T>> {
    vec![
        // By `cargo run --example generate`:
        exchange_code::function(),
        passkey_sign_in::function(),
        refresh_token::function(),
        activate_invite::function(),
        add_passkey::function(),
        audit::function(),
        change_phone::function(),
        delete_user::function(),
        export_user::function(),
        get_avatar::function(),
        get_user::function(),
        guard::function(),
        keys::function(),
        list_referrals::function(),
        list_sessions::function(),
        list_users::function(),
        manage_invite::function(),
        passkeys::function(),
        request_code::function(),
        revoke_session::function(),
        sign_out::function(),
        site::function(),
        stats::function(),
        support::function(),
        update_user::function(),
        upload_avatar::function(),
    ]
}

/// Every function ready to answer, by route key.
#[derive(Clone)]
pub struct Functions(pub(crate) HashMap<String, Arc<Handler>>);

impl Functions {
    /// Builds all of them, each from what `setup` gives it by its name.
    pub async fn build(setup: impl Fn(&str) -> Setup) -> Result<Self, StartError> {
        let mut handlers = HashMap::new();
        for function in all() {
            let handler = Arc::new(function.build(&setup(function.name())).await?);
            for route in handler.routes() {
                handlers.insert(route.to_owned(), Arc::clone(&handler));
            }
        }
        Ok(Self(handlers))
    }
}
