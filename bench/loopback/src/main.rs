//! DynamoDB and Secrets Manager as the measured functions meet them, behind
//! TLS on loopback:
//!
//! `loopback <key.pem> <certificate.pem> <port of the plain engine> <secret>=<value>…`
//!
//! Prints the two ports, the one of DynamoDB first, and serves until it is
//! ended. A native program, so that what is measured is the function and not
//! its other end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("an argument is missing");
    let (key, certificate) = (PrivateKeyDer::from_pem_file(next()?)?, CertificateDer::from_pem_file(next()?)?);
    let engine: u16 = next()?.parse()?;
    let secrets = arguments
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect::<Option<HashMap<_, _>>>()
        .ok_or("a secret without a value")?;
    let secrets = Arc::new(secrets);

    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    let tls = TlsAcceptor::from(Arc::new(config));
    let dynamodb = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let secrets_manager = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{} {}", dynamodb.local_addr()?.port(), secrets_manager.local_addr()?.port());
    tokio::join!(
        serve(dynamodb, tls.clone(), move |stream| pass_on(stream, engine)),
        serve(secrets_manager, tls, move |stream| answer_secrets(stream, Arc::clone(&secrets))),
    );
    Ok(())
}

/// Whoever hangs up in the middle is no concern of the others.
async fn serve<F>(
    listener: TcpListener,
    tls: TlsAcceptor,
    serve: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Else a small answer waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let (tls, serve) = (tls.clone(), serve.clone());
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = serve(stream).await;
            }
        });
    }
}

async fn pass_on(mut stream: TlsStream<TcpStream>, engine: u16) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut plain = TcpStream::connect((Ipv4Addr::LOCALHOST, engine)).await?;
    plain.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut stream, &mut plain).await?;
    Ok(())
}

/// As far as it is asked: `GetSecretValue`.
async fn answer_secrets(
    stream: TlsStream<TcpStream>,
    secrets: Arc<HashMap<String, String>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let service = service_fn(move |request: Request<Incoming>| {
        let secrets = Arc::clone(&secrets);
        async move { Ok::<_, Infallible>(get_secret_value(request, &secrets).await) }
    });
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
    Ok(())
}

async fn get_secret_value(
    request: Request<Incoming>,
    secrets: &HashMap<String, String>,
) -> Response<Full<Bytes>> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match asked["SecretId"].as_str().and_then(|name| secrets.get_key_value(name)) {
        Some((name, value)) => {
            (StatusCode::OK, serde_json::json!({ "Name": name, "SecretString": value, "CreatedDate": 1.7e9 }))
        }
        None => (StatusCode::BAD_REQUEST, serde_json::json!({ "__type": "ResourceNotFoundException" })),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, "application/x-amz-json-1.1".parse().expect("a header's value"));
    response
}
