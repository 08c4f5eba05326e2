//! What is managed and looked up, mostly by staff.

use serde_json::{Value, json};

use super::Doing;
use crate::call::{Call, Caller};
use crate::stories::{Page, Terms};

impl Doing<'_> {
    pub(super) async fn manage(&mut self, whom: u8, terms: Terms) {
        let soon = self.town.deployment.beneath.clock.millis() / 1_000 + 30;
        let body = match terms {
            Terms::MaxUses(most) => json!({ "max_uses": most }),
            Terms::Unlimited => json!({ "max_uses": null }),
            Terms::EndsSoon => json!({ "expires_at": rfc3339(soon) }),
            Terms::EndsAtTheEndOfTime => json!({ "expires_at": "9999-12-31T23:59:59-00:01" }),
            Terms::Revoked(revoked) => json!({ "revoked": revoked }),
            Terms::Redraw => json!({ "redraw": true }),
        };
        let call = self.about("PATCH /v1/users/{user_id}/invite", whom).map(|call| call.with(body));
        let Some(answer) = self.send_own(call).await else { return };
        if let Some(code) = answer.body["invite_code"].as_str()
            && let Some(person) = self.town.people().get_mut(usize::from(whom))
        {
            person.invite_code = Some(code.to_owned());
        }
    }

    pub(super) async fn set(&mut self, whom: u8, body: Value) {
        let call = self.about("PATCH /v1/users/{user_id}", whom).map(|call| call.with(body));
        self.send_own(call).await;
    }

    pub(super) async fn set_own(&mut self, body: Value) {
        self.send_own(Some(Call::about("PATCH /v1/users/{user_id}", "me").with(body))).await;
    }

    pub(super) async fn open_place(&mut self, which: u8) {
        let place = ["block-7900000", "range-79000", "country-RU", "town-1"][usize::from(which % 4)];
        let call = Call::to("DELETE /v1/guard/{place}");
        let path = call.path.replace("{place}", place);
        self.send_own(Some(Call { path, ..call })).await;
    }

    /// What staff ask of a number, whoever has it.
    pub(super) async fn about_number(&mut self, route: &'static str, of: u8) {
        let phone = self.town.phone(of).clone();
        let call = Call { target: Some(phone.clone()), ..Call::to(route) };
        self.send_own(Some(call.with(json!({ "phone": phone })))).await;
    }

    pub(super) async fn revoke(&mut self, whom: u8, nth: u8) {
        let session = {
            let people = self.town.people();
            let Some(person) = people.get(usize::from(whom)) else { return };
            let device = person.devices.iter().rev().nth(usize::from(nth));
            device.and_then(|device| Caller::of_token(&device.access)).map(|caller| caller.session)
        };
        let session = session.unwrap_or_else(|| "07-0-none".to_owned());
        let call = self.about("DELETE /v1/users/{user_id}/sessions/{session_id}", whom);
        let call = call.map(|call| Call { path: call.path.replace("{session_id}", &session), ..call });
        self.send_own(call).await;
    }

    pub(super) async fn list(&mut self, by: u8, page: Page) {
        let query = match by {
            0 => format!("phone={}", self.town.phone(by).replace('+', "%2B")),
            1 => format!("invite_code={}", self.town.invite_code(self.step.who).unwrap_or_default()),
            2 => "role=admin".to_owned(),
            3 => "status=banned".to_owned(),
            4 => "role=moderator&status=active".to_owned(),
            5 => "country=RU&limit=2".to_owned(),
            6 => "phone_prefix=%2B79&status=active&limit=2".to_owned(),
            _ => "limit=3".to_owned(),
        };
        self.read_page("users", Some(Call::to("GET /v1/users")), &query, page).await;
    }

    pub(super) async fn see_audit(&mut self, by: u8, page: Page) {
        let me = self.town.user(self.step.who).unwrap_or_default();
        let query = match by {
            0 => format!("target={}", self.town.user(1).unwrap_or_else(|| "nobody".to_owned())),
            1 if !me.is_empty() => format!("actor={me}&limit=2"),
            2 => "day=2026-11-21".to_owned(),
            _ => "limit=2".to_owned(),
        };
        self.read_page("audit", Some(Call::to("GET /v1/audit")), &query, page).await;
    }

    pub(super) async fn read_page(
        &mut self,
        list: &'static str,
        call: Option<Call>,
        query: &str,
        page: Page,
    ) {
        let Some(call) = call else { return };
        let cursor = match page {
            Page::First => None,
            Page::Next => self.me(|me| me.cursors.get(list).cloned()),
            Page::Nonsense => Some("bm9uc2Vuc2U".to_owned()),
            Page::Long => Some(long_cursor(
                list,
                call.subject().as_deref().or(self.town.user(self.step.who).as_deref()),
            )),
        };
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("{}?{query}{cursor}", call.path);
        let Some(answer) = self.send_own(Some(Call { path, ..call })).await else { return };
        if let Some(next) = answer.body["cursor"].as_str() {
            self.me(|me| me.cursors.insert(list, next.to_owned()));
        }
    }
}

/// A cursor that nobody gave, of thousands of bytes.
fn long_cursor(list: &str, user: Option<&str>) -> String {
    use base64::Engine as _;
    let position = format!("1795224352000#{}", "x".repeat(3_000));
    let text = match (list, user) {
        ("export", Some(user)) => format!("export/{user}\n{position}/{position}"),
        ("referrals", Some(user)) => format!("referrals/{user}\n{position}"),
        ("audit", _) => format!("audit///\n2026-11/{position}"),
        _ => format!("users//\n2026-11/{position}"),
    };
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// A time as the API takes it.
fn rfc3339(seconds: i64) -> String {
    use latchkey::base::world::{Rfc3339, Timestamp};
    let time = Rfc3339(Timestamp::from_millis(seconds * 1_000));
    serde_json::to_value(time).unwrap().as_str().unwrap().to_owned()
}
