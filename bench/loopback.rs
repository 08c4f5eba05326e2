//! What the measured functions of `bench/cold-start` meet: an API over an
//! engine in memory, and that engine and a Secrets Manager behind TLS, each at
//! a free port of loopback.
//!
//! `loopback <key.pem> <certificate.pem>`, with the API's parameters as
//! variables. Prints the three addresses and serves until it is ended.
//!
//! The function is measured, not its other end, which is therefore one native
//! program, without a hop between TLS and engine, on one thread, as another
//! would take the function's core.

#![allow(clippy::print_stdout, reason = "a benchmark")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use latchkey::base::config::{self, Vars};
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;
use latchkey_local::engine::Engine;
use latchkey_local::functions::Functions;
use latchkey_local::gateway::Kind;
use latchkey_local::{gateway, tables};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::{cipher_suite, default_provider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The engine allocates thousands of small pieces a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("a key and a certificate must be named");
    let (key, certificate) =
        (PrivateKeyDer::from_pem_file(next()?)?, CertificateDer::from_pem_file(next()?)?);
    // What s2n-tls prefers, by which AWS answers.
    let cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    let ring = CryptoProvider { cipher_suites, ..default_provider() };
    let config = ServerConfig::builder_with_provider(Arc::new(ring))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let tls = TlsAcceptor::from(Arc::new(config));

    let (vars, world, engine) = (Vars::of_process(), World::real(), Engine::in_memory()?);
    let setup = || Setup::new(vars.clone(), Arc::clone(&world)).tables_through(engine.http_client());
    tables::create(&setup().dynamodb(), &vars).await?;
    let functions = Functions::build(|_| setup()).await?;
    let api = gateway::router(&functions, &world, Kind::Http)?;
    let dynamodb = Router::new().fallback({
        let engine = engine.clone();
        async move |headers: HeaderMap, body: Bytes| answer_dynamodb(&engine, &headers, &body)
    });
    let secrets = json!({
        "signing": vars.text(config::SIGNING_SECRET),
        "pepper": vars.text(config::PEPPER_SECRET),
    });
    let secrets_manager = Router::new().route("/", post(async move |body| get_secret_value(&secrets, &body)));

    let (plain, first, second) = (listen().await?, listen().await?, listen().await?);
    println!("http://{}", plain.local_addr()?);
    println!("https://{}", first.local_addr()?);
    println!("https://{}", second.local_addr()?);
    tokio::spawn(serve(first, tls.clone(), dynamodb));
    tokio::spawn(serve(second, tls, secrets_manager));
    axum::serve(plain, api.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Whoever hangs up in the middle is no concern of the others.
async fn serve(listener: TcpListener, tls: TlsAcceptor, router: Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Else a small answer waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let (tls, service) = (tls.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

/// Where the request came in: it is shorter than the way to another thread.
fn answer_dynamodb(engine: &Engine, headers: &HeaderMap, body: &Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (status, body) = engine.answer(target.rsplit('.').next().unwrap_or_default(), body);
    let kind = [(CONTENT_TYPE, "application/x-amz-json-1.0")];
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), kind, body).into_response()
}

fn get_secret_value(secrets: &Value, body: &Bytes) -> Response {
    let asked = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match asked["SecretId"].as_str().map(|name| (name, &secrets[name])) {
        Some((name, Value::String(value))) => {
            Json(json!({ "Name": name, "SecretString": value, "CreatedDate": 1.7e9 })).into_response()
        }
        _ => {
            (StatusCode::BAD_REQUEST, Json(json!({ "__type": "ResourceNotFoundException" }))).into_response()
        }
    }
}
