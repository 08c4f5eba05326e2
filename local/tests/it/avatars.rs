//! Avatars: what is taken, what is served, and that there is one at most.

use std::sync::Arc;

use http::Method;
use latchkey::base::config;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

/// A PNG of one colour, twice as wide as high.
fn png(red: u8, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(2 * height, height, image::Rgb([red, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

async fn upload(app: &App, token: &str, bytes: Vec<u8>) -> Answer {
    let headers = [("content-type", "image/png")];
    app.from("203.0.113.77", Method::PUT, "/v1/users/me/avatar", Some(token), &headers, bytes).await
}

fn path(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix("https://api.example.com").unwrap().to_owned()
}

#[tokio::test]
async fn an_avatar_is_uploaded_served_replaced_and_removed() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let first = path(&upload(&app, &alice.token, png(200, 300)).await.ok(200)["avatar_url"]);
    assert_eq!(path(&app.me(&alice).await["avatar_url"]), first);
    let served = app.raw(Method::GET, &first, None, vec![]).await;
    assert_eq!((served.status, served.header("content-type")), (200, "image/jpeg"));
    assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(served.header("x-content-type-options"), "nosniff");
    let picture = image::load_from_memory(&served.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (512, 256));

    let second = path(&upload(&app, &alice.token, png(100, 300)).await.ok(200)["avatar_url"]);
    assert_ne!(first, second);
    app.raw(Method::GET, &first, None, vec![]).await.problem(404, "avatar_not_found");
    let listed = app.get(&format!("/v1/users?phone={}", phone(1)), &admin.token).await.ok(200);
    assert_eq!(path(&listed["items"][0]["avatar_url"]), second);
    // A lost answer: stored once, under the name that is told.
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    let third = path(&upload(&app, &alice.token, png(50, 300)).await.ok(200)["avatar_url"]);
    assert!(app.faults.all_met());
    assert_eq!(app.raw(Method::GET, &third, None, vec![]).await.status, 200);
    app.raw(Method::GET, &second, None, vec![]).await.problem(404, "avatar_not_found");

    let set =
        app.update_user(&alice.token, "me", &json!({ "avatar_url": "https://example.com/x.png" })).await;
    assert_eq!(set.problem(422, "invalid_request")["errors"][0]["field"], "avatar_url");
    let cleared =
        app.update_user(&alice.token, "me", &json!({ "avatar_url": null, "city": "Omsk" })).await.ok(200);
    assert_eq!((&cleared["avatar_url"], &cleared["city"]), (&Value::Null, &json!("Omsk")));
    app.raw(Method::GET, &third, None, vec![]).await.problem(404, "avatar_not_found");
    app.update_user(&alice.token, "me", &json!({ "avatar_url": null })).await.ok(200);

    let last = path(&upload(&app, &alice.token, png(1, 300)).await.ok(200)["avatar_url"]);
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    app.raw(Method::GET, &last, None, vec![]).await.problem(404, "avatar_not_found");
    assert!(!app.everything().await.contains("avatar#"));
}

/// What was done is not refused because its user is deleted before it is told.
#[tokio::test(start_paused = true)]
async fn a_removal_that_was_done_is_not_refused() {
    let app = Arc::new(App::new().await);
    let alice = app.sign_in(&phone(1)).await;
    upload(&app, &alice.token, png(1, 1)).await.ok(200);
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    let (door, token) = (Arc::clone(&app), alice.token.clone());
    let removing =
        tokio::spawn(async move { door.update_user(&token, "me", &json!({ "avatar_url": null })).await });
    app.faults.until_met().await;
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    removing.await.unwrap().problem(503, "outcome_unknown");
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let app = App::with_admin(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    for junk in [Vec::new(), b"hello".to_vec(), b"GIF89a".to_vec(), png(1, 300)[..200].to_vec()] {
        upload(&app, &alice.token, junk).await.problem(422, "invalid_image");
    }
    upload(&app, &alice.token, vec![0; 256 * 1024]).await.problem(422, "invalid_image");
    upload(&app, &alice.token, vec![0; 256 * 1024 + 1]).await.problem(413, "body_too_large");
    upload(&app, "nonsense", png(1, 300)).await.problem(401, "invalid_token");
    for id in ["x", "..%2f", &"0".repeat(32), &"F".repeat(32)] {
        let answer = app.raw(Method::GET, &format!("/v1/avatars/{id}"), None, vec![]).await;
        answer.problem(404, "avatar_not_found");
    }
    assert_eq!(app.me(&alice).await["avatar_url"], Value::Null);
}

/// Uploads and a deletion at once leave one avatar or none. Pictures make a trial as
/// dear as twenty requests.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_once_leave_one_avatar() {
    let app = Arc::new(App::with_admin(&[("REVEAL_CODE", "true")]).await);
    for trial in 0..trials_of(20) {
        let alice = app.sign_in(&phone(trial)).await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for red in 0..6 {
            let (app, token) = (Arc::clone(&app), alice.token.clone());
            racers.spawn(async move {
                if red == 5 && trial % 3 == 0 {
                    app.delete_user(&token, "me").await
                } else {
                    upload(&app, &token, png(red, 1)).await
                }
            });
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));
        let left = app.items(config::USERS_TABLE).await.matches("\"avatar#").count();
        let me = app.get("/v1/users/me", &alice.token).await;
        let shown = usize::from(me.status == 200 && me.json()["avatar_url"].is_string());
        assert_eq!(left, shown, "trial {trial}");
        if me.status == 200 {
            assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
        }
    }
}
