//! The page of a share link: the code in big letters, the button of the phone that it is
//! opened on, and what messengers show of it (Open Graph, <https://ogp.me>).

use latchkey::domain::invite_code::InviteCode;
use latchkey::http::context::Context;
use latchkey::http::response::Tailored;
use latchkey::sms::languages::Share;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{App, Links};

include!(concat!(env!("OUT_DIR"), "/share.rs"));

/// What a page is opened on, as far as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    Ios,
    Android,
    /// A computer, or an iPad, which says to be one.
    Unknown,
}

impl Platform {
    fn of(user_agent: &str) -> Self {
        if ["iPhone", "iPad", "iPod"].iter().any(|name| user_agent.contains(name)) {
            Self::Ios
        } else if user_agent.contains("Android") {
            Self::Android
        } else {
            Self::Unknown
        }
    }
}

/// The page of a code.
pub(super) fn invitation(app: &App, code: &InviteCode, links: &Links, context: &Context) -> Tailored {
    let language = app.language(context);
    let says = &language.share;
    let [title, about] = [says.title, says.about].map(|words| app.fill(words, code.as_str()));
    let buttons = buttons(Platform::of(context.header("user-agent").unwrap_or_default()), links, says);
    let preview = html! {
        meta name="description" content=(about);
        meta property="og:type" content="website";
        meta property="og:site_name" content=(app.name);
        meta property="og:title" content=(title);
        meta property="og:description" content=(about);
        meta property="og:url" content={ (context.public_url) "/i/" (code) };
        meta property="og:locale" content=(says.locale);
        meta name="twitter:card" content="summary";
    };
    let body = html! {
        h1 { (title) }
        p { (says.code) }
        p.code dir="ltr" { (code) }
        @for (name, link, is_first) in &buttons {
            a.first[*is_first] href=(link) { (name) }
        }
        button type="button" hidden data-copy=(says.copy) data-copied=(says.copied) { (says.copy) }
        @if buttons.is_empty() {
            p { (says.enter) }
        }
        p.unseen role="status" {}
        script { (PreEscaped(SCRIPT)) }
    };
    page(language.tag, &title, &preview, &body)
}

/// The page of a link that holds no code.
pub(super) fn broken(app: &App, context: &Context) -> Tailored {
    let language = app.language(context);
    let says = &language.share;
    let title = app.fill(says.broken_title, "");
    let body = html! {
        h1 { (title) }
        p { (app.fill(says.broken_text, "")) }
    };
    page(language.tag, &title, &html! {}, &body)
}

/// What a button says, where it leads, and whether it is the one to press.
type Button<'a> = (&'static str, &'a str, bool);

/// The app of this phone, or that of each where it is not known; behind them the web.
fn buttons<'a>(on: Platform, links: &'a Links, says: &Share) -> Vec<Button<'a>> {
    let apps = [(says.ios, &links.ios, Platform::Android), (says.android, &links.android, Platform::Ios)];
    let mut buttons: Vec<_> = apps
        .into_iter()
        .filter(|(.., other)| on != *other)
        .filter_map(|(name, link, _)| Some((name, link.as_deref()?, true)))
        .collect();
    if let Some(web) = &links.web {
        buttons.push((says.web, web, buttons.is_empty()));
    }
    buttons
}

fn page(tag: &str, title: &str, preview: &Markup, body: &Markup) -> Tailored {
    let html = html! {
        (DOCTYPE)
        html lang=(tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                (preview)
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
            }
        }
    };
    Tailored { html: html.into_string(), policy: POLICY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_told_by_what_its_browser_says() {
        for (user_agent, platform) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15", Platform::Ios),
            ("Mozilla/5.0 (iPad; CPU OS 16_3 like Mac OS X) AppleWebKit/605.1.15", Platform::Ios),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36", Platform::Android),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15", Platform::Unknown),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", Platform::Unknown),
            ("TelegramBot (like TwitterBot)", Platform::Unknown),
            ("", Platform::Unknown),
        ] {
            assert_eq!(Platform::of(user_agent), platform, "{user_agent}");
        }
    }
}
