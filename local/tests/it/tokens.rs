//! Access tokens: what they hold, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jsonwebtoken::{Algorithm, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::app::{App, phone};

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_what_rfc_9068_says() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    let header = part(&alice.token, 0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(header["kid"].as_str().unwrap().len(), 43);
    let claims = part(&alice.token, 1);
    assert_eq!(claims["iss"], "https://api.example.com");
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!("latchkey"), &json!("latchkey")));
    assert_eq!((&claims["sub"], &claims["role"]), (&json!(alice.id), &json!("user")));
    assert!(claims["sid"].as_str().unwrap().starts_with("00-"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims["jti"].is_string());
}

#[tokio::test]
async fn a_token_ends_after_its_time_and_the_leeway() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(900 + 59);
    app.me(&alice).await;
    app.clock.advance(1);
    app.get("/v1/users/me", &alice.token).await.problem(401, "invalid_token");
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.raw(Method::GET, "/v1/users/me", None, vec![]).await.problem(401, "missing_token");

    let (head, rest) = alice.token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with_header = |name: &str, value: Value| {
        let mut header = part(&alice.token, 0);
        header[name] = value;
        format!("{}.{body}.{signature}", encode(&header))
    };
    let mut admin = part(&alice.token, 1);
    admin["role"] = json!("admin");
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[10] ^= 1;
    for bad in [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{head}.{body}."),
        format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(&flipped)),
        format!("{head}.{}.{signature}", encode(&admin)),
        with_header("alg", json!("none")),
        with_header("alg", json!("HS256")),
        with_header("typ", json!("JWT")),
        with_header("kid", json!("unknown")),
        format!("{}.{}", alice.token, "x"),
        // About as long as API Gateway lets headers be.
        "x".repeat(10_000),
    ] {
        app.get("/v1/users/me", &bad).await.problem(401, "invalid_token");
    }
    for scheme in ["Basic", "bearer x", ""] {
        let value = format!("{scheme} {}", alice.token);
        let request = http::Request::get("/v1/users/me").header("authorization", value);
        app.send(request.body(axum::body::Body::empty()).unwrap()).await.problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn tokens_of_other_names_and_keys_are_refused() {
    let app = App::new().await;
    let token = app.sign_in(&phone(1)).await.token;
    for other in [("ISSUER", "https://other.example.com"), ("AUDIENCE", "another")] {
        let other = app.again_with(&[other]).await;
        other.get("/v1/users/me", &token).await.problem(401, "invalid_token");
    }
    // Another deployment's key, under our names and even under our kid.
    let foreign = App::with(&[("SIGNING_SECRET", "another-secret-of-the-tests")]).await;
    foreign.sign_in(&phone(1)).await;
    foreign.get("/v1/users/me", &token).await.problem(401, "invalid_token");
    app.get("/v1/users/me", &foreign.sign_in(&phone(2)).await.token).await.problem(401, "invalid_token");
    let header = Header {
        kid: Some(part(&token, 0)["kid"].as_str().unwrap().to_owned()),
        typ: Some("at+jwt".into()),
        ..Header::new(Algorithm::ES256)
    };
    let rng = SystemRandom::new();
    let foreign = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    let foreign = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, foreign.as_ref(), &rng).unwrap();
    let encoded = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let signed = format!(
        "{}.{}",
        encoded(&serde_json::to_vec(&header).unwrap()),
        encoded(part(&token, 1).to_string().as_bytes())
    );
    let forged = format!("{signed}.{}", encoded(foreign.sign(&rng, signed.as_bytes()).unwrap().as_ref()));
    app.get("/v1/users/me", &forged).await.problem(401, "invalid_token");
}

#[tokio::test]
async fn a_function_that_started_before_the_keys_finds_them() {
    let app = App::new().await;
    // `again` shares the store; its signer publishes two keys, the new one first.
    let again = app.again_with(&[("SIGNING_SECRET", "new-signing-secret,signing-secret-of-the-tests")]).await;
    let old = app.sign_in(&phone(1)).await;
    let new = again.sign_in(&phone(2)).await;
    again.me(&old).await;
    // Whoever makes keys up delays no key that is new.
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt","kid":"made-up"}"#);
    let made_up = format!("{header}.{}", new.token.split_once('.').unwrap().1);
    app.get("/v1/users/me", &made_up).await.problem(401, "invalid_token");
    app.me(&new).await;
}

#[tokio::test]
async fn a_session_ends_with_its_time() {
    let app = App::with(&[("SESSION_TTL", "60")]).await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(59);
    app.me(&alice).await;
    app.clock.advance(1);
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
}
