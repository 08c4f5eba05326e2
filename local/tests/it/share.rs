//! The page behind a share link: for whom it is made, and what it says of itself to messengers.

use axum::body::Body;
use http::{Method, Request};
use regex::Regex;

use crate::app::{Answer, App};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.5 Mobile/15E148 Safari/604.1";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 \
                       Mobile Safari/537.36";
const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";
const TELEGRAM: &str = "TelegramBot (like TwitterBot)";

/// What a browser says to take when somebody follows a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const IOS_LINK: &str = "https://apps.apple.com/app/id123456789";
const ANDROID_LINK: &str = "https://play.google.com/store/apps/details?id=com.example&referrer={invite_code}";
const WEB_LINK: &str = "https://example.com/join?code={invite_code}";

async fn open(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

fn html(answer: &Answer) -> String {
    assert!(answer.header("content-type").starts_with("text/html"), "{}", answer.header("content-type"));
    String::from_utf8(answer.body.clone()).unwrap()
}

/// Where the buttons lead, in their order.
fn links(html: &str) -> Vec<String> {
    let link = Regex::new("<a[^>]* href=\"([^\"]*)\"").unwrap();
    link.captures_iter(html).map(|found| found[1].replace("&amp;", "&")).collect()
}

/// What the page says of itself under a name.
fn meta(html: &str, name: &str) -> String {
    let meta = Regex::new(&format!("<meta (?:property|name)=\"{name}\" content=\"([^\"]*)\">")).unwrap();
    meta.captures(html).unwrap_or_else(|| panic!("{name} is missing: {html}"))[1].to_owned()
}

#[tokio::test]
async fn the_button_is_that_of_the_phone() {
    let (ios, android) = (("APP_LINK_IOS", IOS_LINK), ("APP_LINK_ANDROID", ANDROID_LINK));
    let web = ("APP_LINK_WEB", WEB_LINK);
    let filled = |link: &str| link.replace("{invite_code}", "K5J3RW");
    for (vars, user_agent, expected) in [
        (&[ios, android, web][..], IPHONE, &[IOS_LINK, WEB_LINK][..]),
        (&[ios, android, web], ANDROID, &[ANDROID_LINK, WEB_LINK]),
        (&[ios, android, web], LAPTOP, &[IOS_LINK, ANDROID_LINK, WEB_LINK]),
        (&[ios, android, web], TELEGRAM, &[IOS_LINK, ANDROID_LINK, WEB_LINK]),
        (&[ios, android], IPHONE, &[IOS_LINK]),
        (&[ios, android], LAPTOP, &[IOS_LINK, ANDROID_LINK]),
        (&[ios, web], ANDROID, &[WEB_LINK]),
        (&[ios], ANDROID, &[]),
        (&[], IPHONE, &[]),
    ] {
        let app = App::with(vars).await;
        let html =
            html(&open(&app, "/i/k5j3rw", &[("user-agent", user_agent), ("accept-language", "en")]).await);
        let expected: Vec<_> = expected.iter().map(|link| filled(link)).collect();
        assert_eq!(links(&html), expected, "{user_agent}");
        assert_eq!(html.contains("Enter it in the app."), expected.is_empty(), "{user_agent}");
    }
}

#[tokio::test]
async fn it_speaks_the_language_of_whoever_opens_it() {
    for (region, accept_language, tag) in [
        ("RU", Some("en-GB,en;q=0.9"), "en"),
        ("US", Some("ru-RU,ru;q=0.9,en;q=0.8"), "ru"),
        ("US", Some("de, en;q=0.4, ru;q=0.8"), "ru"),
        ("RU", Some("de"), "ru"),
        ("US", Some("*"), "en"),
        // A messenger's, which says none.
        ("RU", None, "ru"),
        ("US", None, "en"),
    ] {
        let app = App::with(&[("DEFAULT_REGION", region)]).await;
        let said: Vec<_> = accept_language.iter().map(|said| ("accept-language", *said)).collect();
        let answer = open(&app, "/i/K5J3RW", &said).await;
        assert_eq!(answer.header("vary"), "accept, accept-language, user-agent");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let (title, locale) = match tag {
            "ru" => ("Вас приглашают в Latchkey", "ru_RU"),
            _ => ("You are invited to Latchkey", "en_US"),
        };
        let html = html(&answer);
        assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{region} {accept_language:?}");
        assert!(html.contains(&format!("<h1>{title}</h1>")), "{region} {accept_language:?}");
        assert_eq!(
            (meta(&html, "og:title"), meta(&html, "og:locale")),
            (title.to_owned(), locale.to_owned())
        );
    }
}

#[tokio::test]
async fn messengers_are_told_what_it_is() {
    let app =
        App::with(&[("PUBLIC_URL", "https://api.example.com/dev/"), ("APP_NAME", "Bread & \"Salt\"")]).await;
    let answer = open(&app, "/i/k5j3rw.", &[("user-agent", TELEGRAM), ("accept-language", "en")]).await;
    let html = html(&answer);
    for (name, expected) in [
        ("og:type", "website"),
        ("og:site_name", "Bread &amp; &quot;Salt&quot;"),
        ("og:title", "You are invited to Bread &amp; &quot;Salt&quot;"),
        ("og:description", "Open the invitation, or enter the code K5J3RW in the app."),
        ("og:url", "https://api.example.com/dev/i/K5J3RW"),
        ("description", "Open the invitation, or enter the code K5J3RW in the app."),
        ("robots", "noindex"),
    ] {
        assert_eq!(meta(&html, name), expected, "{name}");
    }
}

#[tokio::test]
async fn its_policy_lets_in_its_own_script_and_style_alone() {
    let app = App::new().await;
    let policy = open(&app, "/i/K5J3RW", &[]).await.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_mistyped_link_is_a_page_for_people_and_json_for_programs() {
    let app = App::with(&[("DEFAULT_REGION", "US")]).await;
    for path in ["/i/K5J3R", "/i/K5J3RWX", "/i/no-such-code", "/i/%D0%BA%D0%BE%D0%B4"] {
        for (language, title) in [("ru", "В ссылке ошибка"), ("en", "There is a mistake in this link")]
        {
            let answer = open(&app, path, &[("accept", BROWSER), ("accept-language", language)]).await;
            assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"), "{path}");
            assert_eq!(answer.header("vary"), "accept, accept-language, user-agent");
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
            let html = html(&answer);
            assert!(html.contains(&format!("<h1>{title}</h1>")), "{html}");
            assert!(!html.contains("og:") && !html.contains("<script"), "{html}");
        }
        for accept in ["application/json", "*/*", "application/json, text/html;q=0.5"] {
            open(&app, path, &[("accept", accept)]).await.problem(404, "invite_code_not_found");
        }
    }
    // What no route takes: an end that was cut off, or one that a messenger put behind the code.
    for (path, title) in [
        ("/i/", "There is a mistake in this link"),
        ("/i/K5J3RWX/", "There is a mistake in this link"),
        ("/i/K5J3RW/", "You are invited to Latchkey"),
    ] {
        let answer = open(&app, path, &[("accept", BROWSER)]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(html(&answer).contains(&format!("<h1>{title}</h1>")), "{path}");
        open(&app, path, &[("accept", "*/*")]).await.problem(404, "not_found");
    }
    open(&app, "/install", &[("accept", BROWSER)]).await.problem(404, "not_found");
    let head = Request::builder().method(Method::HEAD).uri("/i/K5J3R").header("accept", BROWSER);
    let answer = app.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.body.len()), (404, 0));
}
