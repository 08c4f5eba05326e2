//! Pages of other origins: what browsers are told.

use http::Method;
use latchkey_local::gateway::Kind;

use crate::app::App;

#[tokio::test]
async fn pages_of_other_origins_may_call_where_they_are_named() {
    let app = App::with(&[("CORS_ORIGINS", "https://app.example.com,http://localhost:5173")]).await;
    let ask = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization"),
        ];
        app.from("203.0.113.77", Method::OPTIONS, "/v1/users/me", None, &headers, vec![]).await
    };
    let allowed = ask("http://localhost:5173").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "http://localhost:5173");
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"));
    assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
    assert_eq!(ask("https://other.example.com").await.header("access-control-allow-origin"), "");
    let headers = [("origin", "https://app.example.com")];
    let answer = app.from("203.0.113.77", Method::GET, "/v1/users/me", None, &headers, vec![]).await;
    answer.problem(401, "missing_token");
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    // Clients count by our clock, never by the device's.
    assert_eq!(answer.header("access-control-expose-headers"), "date, retry-after, x-request-id");

    assert_eq!(answer.header("vary"), "origin");

    let without = App::new().await;
    let answer = without.from("203.0.113.77", Method::GET, "/health", None, &headers, vec![]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
}

/// Web views of apps send origins of schemes of their own.
#[tokio::test]
async fn apps_are_origins_too() {
    let origins = ["capacitor://localhost", "ionic://localhost", "tauri://localhost"];
    for kind in [Kind::Http, Kind::Rest] {
        let app = App::with(&[("CORS_ORIGINS", &origins.join(", "))]).await.behind(kind).await;
        for origin in origins {
            let headers = [("origin", origin), ("access-control-request-method", "POST")];
            let asked =
                app.from("203.0.113.77", Method::OPTIONS, "/v1/auth/code", None, &headers, vec![]).await;
            assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, origin));
            let answer = app.from("203.0.113.77", Method::GET, "/health", None, &headers[..1], vec![]).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
        }
        // A page that is not named is told nothing, and asks for what is not there.
        let headers = [("origin", "https://localhost"), ("access-control-request-method", "POST")];
        let refused =
            app.from("203.0.113.77", Method::OPTIONS, "/v1/auth/code", None, &headers, vec![]).await;
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (405, ""));
    }
    let app = App::with(&[("CORS_ORIGINS", "*")]).await;
    let headers = [("origin", "https://anywhere.example")];
    let answer = app.from("203.0.113.77", Method::GET, "/health", None, &headers, vec![]).await;
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("*", ""));
}
