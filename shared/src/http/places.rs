//! How the guard's places and the day's texts are shown: shapes that several endpoints
//! answer with.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::world::Rfc3339;
use crate::domain::credit::{Account, Place, Width};
use crate::domain::limits::Texts;
use crate::tables::day_texts::DayTexts;
use crate::tables::guard::Guard;

/// What the day (UTC) took of its texts, and what it may take; 0 where nothing is limited.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DayOfTexts {
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
pub struct ShortPlace {
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
pub enum Wide {
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
pub enum State {
    /// `proof_required`.
    ProofRequired,
    /// `texts_paused`.
    Paused,
}

/// Why a place is short or paused.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlaceReason")]
pub enum Reason {
    /// More texts were sent than codes were entered.
    Unentered,
    /// Those for proofs were used up, too.
    Spent,
    /// It was spent on days before, again and again.
    SpentBefore,
    /// A block had as many texts as it gets in a day, whatever is entered.
    Full,
}

impl DayOfTexts {
    /// That of a day that took so many.
    pub fn new(texts: &DayTexts, taken: Texts) -> Self {
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
    /// That of a place and what it has.
    pub fn new(guard: &Guard, place: &Place, account: &Account) -> Self {
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
