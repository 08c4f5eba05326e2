//! A users table restored to a point in time, beside codes and sessions of today.

use latchkey::base::config;
use latchkey_local::tables;

use crate::app::{App, phone};

/// What `restore-table-to-point-in-time` makes of now, under this name.
async fn restore(app: &App, name: &str) {
    let setup = app.setup_with("tests", &[("USERS_TABLE", name)]);
    let client = setup.dynamodb();
    tables::create(&client, &setup.vars).await.unwrap();
    let items = client.scan().table_name(app.vars.text(config::USERS_TABLE)).send().await.unwrap().items;
    for item in items.unwrap() {
        client.put_item().table_name(name).set_item(Some(item)).send().await.unwrap();
    }
}

/// As docs/restore.md says: who was there then stays signed in, as what they were then; who came
/// later is nobody, and is let in as a new user by the same phone.
#[tokio::test]
async fn sessions_of_those_who_were_there_go_on_and_others_begin_anew() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    restore(&app, "restored").await;
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let carol = app.sign_in(&phone(3)).await;

    let restored = app.again_with(&[("USERS_TABLE", "restored")]).await;
    assert_eq!(restored.me(&alice).await["id"], alice.id.as_str());
    let token = restored.new_token(&bob).await;
    // What was done since is undone, and can be done again.
    restored.activate(&token, &alice.invite_code).await.ok(200);
    restored.get("/v1/users/me", &carol.token).await.problem(401, "session_ended");
    restored.refresh(&carol.refresh).await.problem(401, "invalid_refresh_token");
    let anew = restored.sign_in_later(&phone(3)).await;
    assert_ne!(anew.id, carol.id);
    assert_eq!(restored.me(&anew).await["id"], anew.id.as_str());
}
