//! `GET /v1/guard`: where texts are short or paused, and why.
//!
//! Tests: local/tests/it/guard.rs.

use latchkey::access::gate::Gate;
use latchkey::base::world::Rfc3339;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::credit::{Account, Place, Width};
use latchkey::domain::limits::Texts;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{PageQuery, cursor, read_cursor};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::day_texts::DayTexts;
use latchkey::tables::guard::Guard;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::try_join;

/// The name of the list, which its cursors hold.
const LIST: &str = "guard";

/// Tells where texts are short or paused, and why.
///
/// A place is a block of numbers (all but the last four digits), a range (all but the last six) or a country. Each has
/// a stock of texts for the day (UTC), which texts use up and codes that are entered fill again. Where it is used up, a
/// proof of work is asked for; where the block has nothing for those either, it is paused. The list holds at most
/// 1,000 places a day.
#[derive(JsonSchema)]
pub(crate) struct GetGuard;

/// How the guard stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardState")]
pub(crate) struct GuardState {
    /// Whether it is on.
    #[schemars(example = true)]
    is_on: bool,
    /// The texts of the day so far.
    texts: DayOfTexts,
    /// The places of this page that are short or paused. A page may be short, or even empty, without being the last.
    items: Vec<ShortPlace>,
    /// What to send as `?cursor=` to get the next page; null on the last page.
    cursor: Option<String>,
}

/// What the day (UTC) took of its texts, and what it may take; 0 where nothing is limited.
#[derive(Debug, Serialize, JsonSchema)]
struct DayOfTexts {
    /// All texts that are counted.
    #[schemars(example = 412)]
    sent: u32,
    /// Those of them that strangers got.
    #[schemars(example = 310)]
    to_strangers: u32,
    /// Those of them that took a proof.
    #[schemars(example = 4)]
    by_proof: u32,
    /// The most in all.
    #[schemars(example = 10_000)]
    most: u32,
    /// The most for strangers.
    #[schemars(example = 8_000)]
    most_to_strangers: u32,
    /// The most by proofs.
    #[schemars(example = 4_000)]
    most_by_proof: u32,
}

/// A place that has no text for whoever asks.
#[derive(Debug, Serialize, JsonSchema)]
struct ShortPlace {
    /// What it is called here.
    #[schemars(example = &"block-7900123")]
    place: String,
    /// How wide it is.
    #[schemars(example = &"block")]
    width: Wide,
    /// What its numbers begin with; of a country its two letters, or `none`.
    #[schemars(example = &"+7900123")]
    of: String,
    /// What is said to whoever asks for a code there.
    #[schemars(example = &"paused")]
    state: State,
    /// Why.
    #[schemars(example = &"spent")]
    reason: Reason,
    /// How many texts it has left for whoever asks.
    #[schemars(example = 0)]
    texts_left: u32,
    /// How many it has left for those who prove; only a block has any.
    #[schemars(example = 0)]
    proofs_left: u32,
    /// How many texts a block had today.
    #[schemars(example = 8)]
    texts_sent: u32,
    /// When it has texts again, unless codes are entered before or it is opened.
    opens_at: Rfc3339,
}

/// How wide a place is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlaceWidth")]
enum Wide {
    /// Numbers that differ in their last four digits.
    Block,
    /// Numbers that differ in their last six digits.
    Range,
    /// Numbers of a country.
    Country,
}

/// What is said to whoever asks for a code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlaceState")]
enum State {
    /// `proof_required`.
    ProofRequired,
    /// `texts_paused`.
    Paused,
}

/// Why a place is short or paused.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlaceReason")]
enum Reason {
    /// More texts were sent than codes were entered.
    Unentered,
    /// Those for proofs were used up, too.
    Spent,
    /// It was spent on days before, again and again.
    SpentBefore,
    /// A block had as many texts as it gets in a day, whatever is entered.
    Full,
}

impl Endpoint for GetGuard {
    const ROUTE: Route = Route::get("/v1/guard");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidCursor];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Output = Json<GuardState>;
    type Needs = (Gate, Guard, DayTexts);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<GuardState>, Problem> {
        let (gate, guard, texts) = needs;
        let PageQuery { limit, cursor: after } = request.query;
        let after = after.as_deref().map(|after| read_cursor(LIST, after)).transpose()?;
        // Up to a thousand items: nobody has them read before being admitted.
        gate.admit_staff(&request.caller, Self::STAFF).await?;
        let ((places, next), taken) =
            try_join!(guard.short(limit.0 as usize, after.as_deref()), texts.read())?;
        let items =
            places.into_iter().map(|(place, account)| ShortPlace::new(guard, &place, &account)).collect();
        Ok(Json(GuardState {
            is_on: guard.is_on(),
            texts: DayOfTexts::new(texts, taken),
            items,
            cursor: next.map(|next| cursor(LIST, &next)),
        }))
    }
}

impl DayOfTexts {
    fn new(texts: &DayTexts, taken: Texts) -> Self {
        let ceiling = texts.ceiling();
        let is_on = u32::from(ceiling.all.is_on());
        Self {
            sent: taken.all,
            to_strangers: taken.strangers,
            by_proof: taken.proved,
            most: ceiling.all.most,
            most_to_strangers: ceiling.strangers * is_on,
            most_by_proof: ceiling.proved * is_on,
        }
    }
}

impl ShortPlace {
    fn new(guard: &Guard, place: &Place, account: &Account) -> Self {
        let is_full = guard.is_full(account);
        let (state, reason) = match place.width {
            Width::Block if is_full => (State::Paused, Reason::Full),
            Width::Block if account.is_closed && account.spent_on < account.day => {
                (if account.proved > 0 { State::ProofRequired } else { State::Paused }, Reason::SpentBefore)
            }
            Width::Block if account.proved == 0 => (State::Paused, Reason::Spent),
            Width::Block if account.is_closed => (State::ProofRequired, Reason::Spent),
            Width::Block | Width::Range | Width::Country => (State::ProofRequired, Reason::Unentered),
        };
        Self {
            place: place.id(),
            width: match place.width {
                Width::Block => Wide::Block,
                Width::Range => Wide::Range,
                Width::Country => Wide::Country,
            },
            of: place.of.clone(),
            state,
            reason,
            texts_left: account.left,
            proofs_left: account.proved,
            texts_sent: account.sent,
            opens_at: Rfc3339(guard.opens_at(account)),
        }
    }
}
