//! The list of users: its pages, and what finds whom.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{ADMIN, App, phone};
use crate::phone_change::moved;

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn users_are_listed_newest_first_in_stable_pages() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let mut people = vec![admin.clone()];
    for n in 1..=24 {
        app.clock.advance_millis(i64::from(n % 3 != 0));
        people.push(app.sign_in(&phone(n)).await);
    }
    let all = app.pages("/v1/users?limit=100", &admin.token).await.concat();
    assert_eq!(all.len(), 25);
    let times: Vec<_> = all.iter().map(|item| item["created_at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other));
    assert_eq!(
        ids(&all).into_iter().collect::<BTreeSet<_>>(),
        people.iter().map(|person| person.id.clone()).collect()
    );
    for absent in ["referrals", "referrals_cursor", "referrals_count", "referrer"] {
        assert!(all[0].get(absent).is_none(), "{absent}");
    }
    // In pages of seven the same, although people come in between.
    let first = app.get("/v1/users?limit=7", &admin.token).await.ok(200);
    app.sign_in(&phone(99)).await;
    let mut listed = ids(first["items"].as_array().unwrap());
    let mut cursor = first["cursor"].as_str().unwrap().to_owned();
    loop {
        let page = app.get(&format!("/v1/users?limit=7&cursor={cursor}"), &admin.token).await.ok(200);
        listed.extend(ids(page["items"].as_array().unwrap()));
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(listed, ids(&all));

    for bad in ["limit=0", "limit=101", "limit=x", "role=king", "status=x"] {
        app.get(&format!("/v1/users?{bad}"), &admin.token).await.problem(422, "invalid_request");
    }
    let other = app.get("/v1/users/me/referrals?limit=1", &admin.token).await.ok(200);
    assert_eq!(other["cursor"], Value::Null);
    for bad in ["x", &format!("{cursor}x"), "bm90aGluZw"] {
        app.get(&format!("/v1/users?cursor={bad}"), &admin.token).await.problem(422, "invalid_cursor");
    }
    // A cursor belongs to its filter.
    app.get(&format!("/v1/users?role=user&cursor={cursor}"), &admin.token)
        .await
        .problem(422, "invalid_cursor");
    app.get(&format!("/v1/users?role=admin&cursor={cursor}"), &admin.token)
        .await
        .problem(422, "invalid_cursor");
}

#[tokio::test]
async fn the_list_goes_back_to_the_first_month() {
    let app = App::with_admin(&[("SESSION_TTL", "0"), ("REFRESH_TTL", "0")]).await;
    let old = app.sign_in(&phone(1)).await;
    // Over two turns of the year, with empty months between.
    app.clock.advance(200 * 86_400);
    let middle = app.sign_in(&phone(2)).await;
    app.clock.advance(250 * 86_400);
    let admin = app.sign_in(ADMIN).await;
    let pages = app.pages("/v1/users?", &admin.token).await;
    assert_eq!(ids(&pages.concat()), [admin.id, middle.id, old.id]);
    assert!(pages.len() <= 16, "one for each month: {}", pages.len());
}

#[tokio::test]
async fn users_are_found_by_phone_code_role_and_status() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob, carol) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(&phone(3)).await);
    app.update_user(&admin.token, &alice.id, &json!({ "role": "moderator" })).await.ok(200);
    app.update_user(&admin.token, &bob.id, &json!({ "status": "banned" })).await.ok(200);
    let found =
        async |query: &str| ids(&app.pages(&format!("/v1/users?{query}"), &alice.token).await.concat());
    assert_eq!(found(&format!("phone={}", phone(2))).await, [&*bob.id], "a plus that became a blank");
    assert_eq!(found(&format!("phone={}", phone(2).replace('+', "%2B"))).await, [&*bob.id]);
    assert_eq!(found("phone=+79001111111").await, [""; 0]);
    assert_eq!(found(&format!("invite_code={}", carol.invite_code.to_lowercase())).await, [&*carol.id]);
    assert_eq!(found("invite_code=nonsense").await, [""; 0]);
    assert_eq!(found(&format!("phone={}&invite_code={}", phone(3), carol.invite_code)).await, [&*carol.id]);
    assert_eq!(found(&format!("phone={}&invite_code={}", phone(2), carol.invite_code)).await, [""; 0]);
    assert_eq!(found("role=admin").await, [&*admin.id]);
    assert_eq!(found("role=moderator").await, [&*alice.id]);
    assert_eq!(found("status=banned").await, [&*bob.id]);
    assert_eq!(found("role=moderator&status=banned").await, [""; 0]);
    assert_eq!(found(&format!("phone={}&role=admin", phone(2))).await, [""; 0]);
    let users: BTreeSet<_> = found("role=user").await.into_iter().collect();
    assert_eq!(users, [bob.id.clone(), carol.id.clone()].into());
    assert!(!found("status=active").await.contains(&bob.id));
    app.get("/v1/users?phone=abc", &alice.token).await.problem(422, "invalid_phone");
    // Out of the lists again.
    app.update_user(&admin.token, &bob.id, &json!({ "status": "active" })).await.ok(200);
    app.update_user(&admin.token, &alice.id, &json!({ "role": "user" })).await.ok(200);
    assert_eq!(ids(&app.pages("/v1/users?status=banned", &admin.token).await.concat()), [""; 0]);
    assert_eq!(ids(&app.pages("/v1/users?role=moderator", &admin.token).await.concat()), [""; 0]);
    // Nor do the indexes hold them any more.
    app.faults.asked();
    app.pages("/v1/users?status=banned", &admin.token).await;
    app.pages("/v1/users?role=moderator", &admin.token).await;
    assert!(
        app.faults.asked().iter().filter(|asked| asked.operation == "Query").all(|asked| asked.items == 0)
    );
    assert!(
        app.faults
            .asked()
            .iter()
            .filter(|asked| asked.function != "inbox")
            .all(|asked| asked.operation != "Scan")
    );
}

#[tokio::test]
async fn users_are_found_by_the_front_of_a_number_by_country_and_by_day() {
    let app = App::with_admin(&[]).await;
    app.sign_in(ADMIN).await;
    let mut people = Vec::new();
    for number in
        ["+79131112233", "+79001230002", "+77011234567", "+79001230001", "+12133734253", "+881612345678"]
    {
        app.clock.advance(5 * 3_600);
        let app =
            app.again_with(&[("ALLOWED_COUNTRIES", if number.starts_with("+8") { "001" } else { "" })]).await;
        people.push(app.sign_in(number).await.id);
    }
    let admin = app.sign_in(ADMIN).await;
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let [novosibirsk, two, kz, one, us, satellite] = people[..] else { unreachable!() };
    let found =
        async |query: &str| ids(&app.pages(&format!("/v1/users?{query}"), &admin.token).await.concat());
    // By number, from the least on.
    for front in ["%2B7900123", "+7%20900%20123", "7900123", "8%20(900)%201-23"] {
        assert_eq!(found(&format!("phone_prefix={front}")).await, [one, two], "{front}");
    }
    assert_eq!(found("phone_prefix=7").await, [kz, one, two, novosibirsk, &*admin.id]);
    assert_eq!(
        found("phone_prefix=7&limit=1").await,
        [kz, one, two, novosibirsk, &*admin.id],
        "page by page"
    );
    assert_eq!(found("phone_prefix=%2B79001230001").await, [one]);
    assert_eq!(found("phone_prefix=%2B7900124").await, [""; 0]);
    assert_eq!(found("phone_prefix=%2B1").await, [us]);
    assert_eq!(found("country=RU").await, [one, two, novosibirsk, &*admin.id]);
    assert_eq!(found("country=RU&limit=2").await, [one, two, novosibirsk, &*admin.id]);
    assert_eq!(found("country=kz").await, [kz]);
    assert_eq!(found("country=none").await, [satellite]);
    assert_eq!(found("country=KZ&phone_prefix=7").await, [kz]);
    assert_eq!(found("country=KZ&phone_prefix=7900").await, [""; 0]);
    assert_eq!(found("country=US&phone_prefix=7").await, [""; 0]);
    assert_eq!(found("phone=%2B79001230001&country=KZ").await, [""; 0]);
    assert_eq!(found("phone=%2B79001230001&phone_prefix=7900").await, [one]);

    // The day of UTC on which each came.
    assert_eq!(found("created_on=2026-11-21").await, [one, kz, two, novosibirsk, &*admin.id]);
    assert_eq!(found("created_on=2026-11-22").await, [satellite, us]);
    assert_eq!(found("created_on=2026-11-22&limit=1").await, [satellite, us]);
    assert_eq!(found("created_on=2026-11-20").await, [""; 0]);
    assert_eq!(found("created_on=2026-11-22&country=US").await, [us]);
    app.update_user(&admin.token, one, &json!({ "role": "moderator" })).await.ok(200);
    app.update_user(&admin.token, two, &json!({ "status": "banned" })).await.ok(200);
    assert_eq!(found("phone_prefix=7900&role=moderator").await, [one]);
    assert_eq!(found("country=RU&status=banned").await, [two]);
    assert_eq!(found("country=KZ&status=banned").await, [""; 0]);
    assert_eq!(found("created_on=2026-11-21&role=moderator").await, [one]);
    assert_eq!(found("created_on=2026-11-22&role=moderator").await, [""; 0]);
    assert_eq!(found("country=RU&role=admin").await, [&*admin.id]);

    for bad in [
        "phone_prefix=abc",
        "phone_prefix=",
        "phone_prefix=%2B4",
        "country=XX",
        "country=R",
        "created_on=2026-02-30",
        "created_on=21.11.2026",
        "created_on=",
    ] {
        app.get(&format!("/v1/users?{bad}"), &admin.token).await.problem(422, "invalid_request");
    }
    let page = app.get("/v1/users?phone_prefix=7&limit=1", &admin.token).await.ok(200);
    let cursor = page["cursor"].as_str().unwrap();
    for other in ["", "phone_prefix=7900&", "country=RU&", "phone_prefix=7&role=user&"] {
        let path = format!("/v1/users?{other}cursor={cursor}");
        app.get(&path, &admin.token).await.problem(422, "invalid_cursor");
    }
}

/// Whoever moves is found by the new number, whoever goes by none; and accounts of a release
/// without the index from their next sign-in on another device.
#[tokio::test]
async fn the_index_by_number_follows_its_users() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let found =
        async |query: &str| ids(&app.pages(&format!("/v1/users?{query}"), &admin.token).await.concat());
    assert_eq!(found("phone_prefix=79000").await, [&*alice.id, &bob.id]);
    moved(&app, &alice.token, "+77011234567").await;
    assert_eq!(found("phone_prefix=79000").await, [&*bob.id]);
    assert_eq!(found("country=KZ").await, [&*alice.id]);
    app.delete_user(&alice.token, "me").await;
    assert_eq!(found("country=KZ").await, [""; 0]);

    app.set_user(&bob.id, "REMOVE country").await;
    assert_eq!(found("phone_prefix=79000").await, [""; 0]);
    app.sign_in_later(&phone(2)).await;
    assert_eq!(found("phone_prefix=79000").await, [&*bob.id]);
}
