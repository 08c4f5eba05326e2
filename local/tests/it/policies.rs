//! What each function may do is what it does: its policy in the template.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use http::Method;
use latchkey::endpoint::declaration::Declaration;
use latchkey::endpoint::function::{Function, Mount};
use latchkey_local::functions;
use latchkey_template::{Template, logical_id};
use serde_json::json;

use crate::app::{ADMIN, App, phone};
use crate::faults::{Asked, Part};
use crate::{passkeys, sessions};

/// The functions that text.
const SENDERS: [&str; 2] = ["change-phone", "request-code"];

/// A function that starts without a secret has no use for it.
#[tokio::test]
async fn secrets_are_read_by_those_alone_who_need_them() {
    let app = App::new().await;
    let template = Template::of_checkout();
    let mut readers = BTreeMap::<_, BTreeSet<_>>::new();
    for (variable, secret) in [("SIGNING_SECRET", "SigningSecret"), ("PEPPER_SECRET", "PepperSecret")] {
        for function in functions::all() {
            let needed = function.build(&app.setup_with(function.name(), &[(variable, "")])).await.is_err();
            let read = ("secretsmanager:GetSecretValue".to_owned(), secret.to_owned());
            assert_eq!(
                template.allowed(function.name()).contains(&read),
                needed,
                "{} {secret}",
                function.name()
            );
            if needed {
                readers.entry(secret).or_default().insert(function.name());
            }
        }
    }
    assert_eq!(readers["SigningSecret"], ["exchange-code", "passkey-sign-in", "refresh-token"].into());
}

/// Whether a key is of a pattern: one with a star at its end, or the key itself.
fn fits(key: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(key == pattern, |start| key.starts_with(start))
}

/// What a policy allows of an action on a resource: with some attributes alone, of items with
/// some keys alone.
struct Allowance {
    attributes: Option<Vec<String>>,
    keys: Option<Vec<String>>,
}

/// All of them, by function, action and resource.
static ALLOWED: LazyLock<BTreeMap<(String, String, String), Allowance>> = LazyLock::new(|| {
    let template = Template::of_checkout();
    let functions = template.functions().into_iter();
    let allowed = functions.flat_map(|name| {
        let allowed = template.allowed(&name).into_iter();
        allowed.map(move |(action, resource)| (name.clone(), action, resource))
    });
    let allowance = |(name, action, resource): (String, String, String)| {
        let attributes = template.attributes(&name, &action, &resource);
        let keys = template.leading_keys(&name, &action, &resource);
        ((name, action, resource), Allowance { attributes, keys })
    };
    allowed.map(allowance).collect()
});

/// The functions and the tables of the template; a test's own have other names.
static KNOWN: LazyLock<(BTreeSet<String>, Vec<String>)> = LazyLock::new(|| {
    let template = Template::of_checkout();
    let tables = template.tables().into_iter().map(|table| table.logical_id);
    (template.functions().into_iter().collect(), tables.collect())
});

/// What of a request its function's policy forbids, in words. The texts of the inbox are a
/// laptop's own.
pub(crate) fn forbidden(asked: &Asked) -> Vec<String> {
    let (functions, tables) = &*KNOWN;
    let function = &asked.function;
    if !functions.contains(function) || asked.is_text() {
        return vec![];
    }
    let known = |part: &Part| tables.iter().any(|table| part.resource.contains(table));
    let parts = asked.parts().into_iter().filter(known).filter_map(|part| {
        let of = (function.clone(), part.action.clone(), part.resource.clone());
        let is_within = ALLOWED.get(&of).is_some_and(|Allowance { attributes, keys }| {
            let touches = |names: &Vec<String>| asked.attributes().iter().all(|name| names.contains(name));
            let reaches = |patterns: &Vec<String>| {
                part.keys.iter().all(|key| patterns.iter().any(|pattern| fits(key, pattern)))
            };
            attributes.as_ref().is_none_or(touches) && keys.as_ref().is_none_or(reaches)
        });
        (!is_within).then(|| format!("{function} may not {part:?}"))
    });
    parts.collect()
}

/// Secrets that an operator names are read by those alone whose variables name them.
#[test]
fn an_operators_secrets_are_read_by_those_who_are_told_of_them() {
    let template = Template::of_checkout();
    // Those that take the place of the stack's own are read as those are.
    let parameters = template.parameters().into_iter().map(|parameter| parameter.name);
    let parameters = parameters.filter(|name| !name.starts_with("Existing"));
    let secrets: Vec<_> =
        parameters.filter(|name| name.ends_with("SecretArn") || name.ends_with("KeyArn")).collect();
    assert_eq!(secrets.len(), 3, "{secrets:?}");
    for function in functions::all::<Declaration>() {
        let name = function.name();
        let told: BTreeSet<_> = function.variables().into_iter().map(logical_id).collect();
        let allowed = template.allowed(name);
        for secret in &secrets {
            let read = |(action, resource): &(String, String)| {
                action == "secretsmanager:GetSecretValue" && resource.contains(&format!("{secret:?}"))
            };
            assert_eq!(allowed.iter().any(read), told.contains(secret), "{name} {secret}");
        }
    }
}

/// Functions that read how texts are sent may send them; all others may not.
#[tokio::test]
async fn those_alone_may_text_who_do_and_to_no_topic() {
    let app = App::new().await;
    let template = Template::of_checkout();
    let publish = |resource: &str| ("sns:Publish".to_owned(), resource.to_owned());
    let mut senders = BTreeSet::new();
    for function in functions::all() {
        let name = function.name();
        let texts = function.build(&app.setup_with(name, &[("SMS_PROVIDER", "pigeon")])).await.is_err();
        let of_sns = |all: Vec<(String, String)>| -> Vec<_> {
            all.into_iter().filter(|(action, _)| action.starts_with("sns:")).collect()
        };
        let (allowed, denied) = (of_sns(template.allowed(name)), of_sns(template.denied(name)));
        if texts {
            assert_eq!(allowed, [publish("*")], "{name}");
            assert_eq!(denied, [publish("arn:${AWS::Partition}:sns:*:*:*")], "{name}");
            senders.insert(name);
        } else {
            assert_eq!((allowed, denied), (vec![], vec![]), "{name}");
        }
    }
    assert_eq!(senders, SENDERS.into());
}

/// Each function does nothing that its policy forbids, and its policy allows
/// nothing that it does not do.
#[tokio::test]
async fn policies_are_as_narrow_as_what_is_called() {
    // As a deployment has it, every limit on.
    let limits = [
        ("ADMIN_PHONES", ADMIN),
        ("CODES_PER_IP_HOUR", "60"),
        ("GUESSES_PER_IP_HOUR", "60"),
        ("TEXTS_PER_DAY", "60"),
        ("GUARD_STOCKS", "200"),
    ];
    let app = App::with(&limits).await;
    let started = app.faults.asked_at_start();
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": alice.invite_code });
    // The second time as one whose answer was lost.
    for _ in 0..2 {
        app.post_with_key("/v1/auth/token", "a", &body).await.ok(200);
    }
    app.clock.advance(60);
    app.sign_in(&phone(1)).await;
    app.me(&bob).await;
    app.get("/v1/users/me/referrals", &alice.token).await.ok(200);
    app.get("/v1/users/me/export", &alice.token).await.ok(200);
    app.refresh(&bob.refresh).await.ok(200);
    // From the device that signed in last.
    let answer = app.exchange(&phone(12), &app.code_for(&phone(12)).await).await.ok(200);
    app.clock.advance(60);
    let body = json!({ "phone": phone(12), "device_token": answer["device_token"] });
    app.post("/v1/auth/code", body).await.ok(202);
    let code = app.last_code(&phone(12)).await;
    let body = json!({ "phone": phone(12), "code": code, "device_token": answer["device_token"] });
    app.post("/v1/auth/token", body).await.ok(200);
    let sessions = app.get("/v1/users/me/sessions", &alice.token).await.ok(200);
    let other =
        sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/users/me/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(app.raw(Method::DELETE, &path, Some(&alice.token), vec![]).await.status, 204);
    for scope in ["others", "local"] {
        assert_eq!(app.sign_out(&alice.token, scope).await.status, 204);
    }
    assert_eq!(app.sign_out(&bob.token, "global").await.status, 204);
    app.raw(Method::GET, "/.well-known/jwks.json", None, vec![]).await.ok(200);
    let admin = app.sign_in(ADMIN).await;
    for query in ["", "?role=admin", "?status=banned", "?phone=+79000000001", "?country=RU"] {
        app.get(&format!("/v1/users{query}"), &admin.token).await.ok(200);
    }
    app.get("/v1/stats", &admin.token).await.ok(200);
    app.get("/v1/guard", &admin.token).await.ok(200);
    assert_eq!(app.raw(Method::DELETE, "/v1/guard/country-RU", Some(&admin.token), vec![]).await.status, 204);
    for query in ["", "?target=a", "?actor=a"] {
        app.get(&format!("/v1/audit{query}"), &admin.token).await.ok(200);
    }
    let body = json!({ "phone": phone(12) });
    app.json(Method::POST, "/v1/support/phones", &admin.token, &body).await.ok(200);
    assert_eq!(app.json(Method::DELETE, "/v1/support/phones/limits", &admin.token, &body).await.status, 204);
    for body in [json!({}), json!({ "redraw": true }), json!({ "max_uses": 9 })] {
        let path = format!("/v1/users/{}/invite", alice.id);
        app.json(Method::PATCH, &path, &admin.token, &body).await.ok(200);
    }
    use_refreshed_tokens(&app).await;
    let carol = app.sign_in(&phone(4)).await;
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    app.activate(&app.sign_in(&phone(40)).await.token, &carol.invite_code).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    for _ in 0..2 {
        app.raw(Method::PUT, "/v1/users/me/avatar", Some(&carol.token), picture.clone()).await.ok(200);
    }
    let avatar = app.me(&carol).await["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    assert_eq!(app.raw(Method::GET, &avatar, None, vec![]).await.status, 200);
    let body = json!({ "city": "Omsk", "avatar_url": null });
    app.update_user(&carol.token, "me", &body).await.ok(200);
    let body = json!({ "phone": phone(5), "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", &carol.token, &body).await.ok(202);
    let body = json!({ "phone": phone(5), "code": app.last_code(&phone(5)).await });
    app.json(Method::PUT, "/v1/users/me/phone", &carol.token, &body).await.ok(200);
    assert_eq!(app.delete_user(&carol.token, "me").await.status, 204);

    use_passkeys(&app, &bob.invite_code).await;
    act_as_staff(&app).await;

    // While the pepper has two entries, each moves what it finds under the other.
    let two = "another-pepper-of-the-tests,pepper-of-the-tests";
    let rotated = app.again_with(&[("PEPPER_SECRET", two)]).await;
    let dave = app.sign_in(&phone(6)).await;
    app.request_code(&phone(7)).await.ok(202);
    rotated.request_code(&phone(7)).await.problem(429, "resend_too_soon");
    app.request_code(&phone(8)).await.ok(202);
    rotated.exchange(&phone(8), &app.last_code(&phone(8)).await).await.ok(200);
    let body = json!({ "phone": phone(9), "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", &dave.token, &body).await.ok(202);
    let body = json!({ "phone": phone(9), "code": app.last_code(&phone(9)).await });
    rotated.json(Method::PUT, "/v1/users/me/phone", &dave.token, &body).await.ok(200);

    // Whichever starts first after a rotation publishes the keys.
    for function in functions::all::<Mount>() {
        let another = format!("signing-secret-of-{}", function.name());
        let setup = app.setup_with(function.name(), &[("SIGNING_SECRET", &another)]);
        function.build(&setup).await.unwrap();
    }

    assert_exact(started.into_iter().chain(app.faults.asked()));
}

/// What was asked is all that the policies allow.
fn assert_exact(asked: impl Iterator<Item = Asked>) {
    let template = Template::of_checkout();
    let mut called = BTreeMap::<String, BTreeSet<_>>::new();
    let mut narrow = BTreeMap::<_, BTreeSet<_>>::new();
    for asked in asked {
        if asked.is_text() {
            continue;
        }
        for Part { action, resource, keys } in asked.parts() {
            if let Some(patterns) = template.leading_keys(&asked.function, &action, &resource) {
                let used = patterns.into_iter().filter(|pattern| keys.iter().any(|key| fits(key, pattern)));
                narrow
                    .entry((asked.function.clone(), action.clone(), resource.clone()))
                    .or_default()
                    .extend(used);
            }
            called.entry(asked.function.clone()).or_default().insert((action, resource));
        }
    }
    for ((function, action, resource), used) in narrow {
        let patterns = template.leading_keys(&function, &action, &resource).unwrap();
        assert_eq!(used, patterns.into_iter().collect(), "{function} {action} {resource}");
    }
    for function in template.functions() {
        let tables = |(action, _): &(String, String)| action.starts_with("dynamodb:");
        let allowed: BTreeSet<_> = template.allowed(&function).into_iter().filter(tables).collect();
        assert_eq!(called.remove(&function).unwrap_or_default(), allowed, "{function}");
    }
}

/// Passkeys from their making to their end, by hand and by theft.
async fn use_passkeys(app: &App, invite_code: &str) {
    let gina = app.sign_in(&phone(15)).await;
    let (credential, id) = passkeys::add(app, &gina).await;
    passkeys::add(app, &gina).await;
    app.get("/v1/users/me/passkeys", &gina.token).await.ok(200);
    let path = format!("/v1/users/me/passkeys/{id}");
    app.json(Method::PATCH, &path, &gina.token, &json!({ "name": "Phone" })).await.ok(200);
    // So that the device that signs in now is the newest, which the next one finds.
    app.clock.advance(1);
    let mut body = passkeys::sign_in_body(&passkeys::sign_in_options(app).await, &credential);
    body["invite_code"] = invite_code.into();
    let answer = app.post_with_key("/v1/auth/passkey", "a", &body).await.ok(200);
    app.post_with_key("/v1/auth/passkey", "a", &body).await.ok(200);
    let mut body = passkeys::sign_in_body(&passkeys::sign_in_options(app).await, &credential);
    body["device_token"] = answer["device_token"].clone();
    app.post("/v1/auth/passkey", body).await.ok(200);
    assert_eq!(passkeys::remove(app, &gina.token, "me", &id).await.status, 204);

    // A refresh token in two hands, shown to either of those who take one.
    let erin = app.sign_in(&phone(11)).await;
    passkeys::add(app, &erin).await;
    app.present_stolen(&erin.refresh).await;
    let frank = app.sign_in(&phone(16)).await;
    passkeys::add(app, &frank).await;
    let new = app.new_token(&frank).await;
    app.get("/v1/users/me", &new).await.ok(200);
    app.clock.advance(30);
    let body = json!({ "refresh_token": frank.refresh });
    app.post("/v1/auth/logout", body).await.problem(401, "invalid_refresh_token");
}

/// What staff does to others, which is on record.
async fn act_as_staff(app: &App) {
    let admin = app.sign_in_later(ADMIN).await;
    let helen = app.sign_in(&phone(17)).await;
    let (_, passkey) = passkeys::add(app, &helen).await;
    let sessions = app.get("/v1/users/me/sessions", &helen.token).await.ok(200);
    let session = sessions["items"][0]["id"].as_str().unwrap();
    assert_eq!(passkeys::remove(app, &admin.token, &helen.id, &passkey).await.status, 204);
    let path = format!("/v1/users/{}/sessions/{session}", helen.id);
    assert_eq!(app.raw(Method::DELETE, &path, Some(&admin.token), vec![]).await.status, 204);
    let recovery = format!("/v1/users/{}/recovery", helen.id);
    for number in [phone(18), phone(19)] {
        app.json(Method::PUT, &recovery, &admin.token, &json!({ "phone": number })).await.ok(200);
    }
    app.get(&recovery, &admin.token).await.ok(200);
    app.code_for(&phone(19)).await;
    app.exchange(&phone(19), &app.last_code(&phone(19)).await).await.problem(409, "phone_reserved");
    assert_eq!(app.raw(Method::DELETE, &recovery, Some(&admin.token), vec![]).await.status, 204);
    let soon = app.again_with(&[("RECOVERY_HOLD", "0")]).await;
    soon.json(Method::PUT, &recovery, &admin.token, &json!({ "phone": phone(19) })).await.ok(200);
    app.clock.advance(60);
    soon.sign_in(&phone(19)).await;
    app.update_user(&admin.token, &helen.id, &json!({ "status": "banned" })).await.ok(200);
    assert_eq!(app.delete_user(&admin.token, &helen.id).await.status, 204);
}

/// Everything that takes an access token, each with one of a refresh that was not used yet;
/// that it is refused further in is as good.
async fn use_refreshed_tokens(app: &App) {
    let body = json!({ "phone": phone(14), "purpose": "change_phone" });
    let first = app.sign_in(&phone(13)).await;
    app.json(Method::POST, "/v1/auth/code", &app.new_token(&first).await, &body).await.ok(202);

    let mut refresh = app.sign_in(&phone(20)).await.refresh;
    let functions = functions::all::<Declaration>();
    let declared = functions.iter().flat_map(Function::declarations).filter(|of| of.needs_token);
    let mut routes: Vec<_> = declared.map(|of| of.route.to_string()).collect();
    routes.sort_by_key(|route| route == "DELETE /v1/users/{user_id}");
    for route in routes {
        let pair = app.refresh(&refresh).await.ok(200);
        let text = |name: &str| pair[name].as_str().unwrap().to_owned();
        refresh = text("refresh_token");
        sessions::call(app, &text("access_token"), &route).await;
    }
}
