//! What the guard stores, held against what `domain/credit.rs` says of it.

use std::collections::BTreeMap;

use latchkey::base::config;
use latchkey::cloud::transaction::{Tables, Transaction};
use latchkey::domain::credit::{Account, Answer, Credit, Means, Place, Width};
use latchkey::domain::phone::Phone;
use latchkey::tables::guard::{Guard, Stand, Taken};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::app::App;
use crate::faults::Fault;
use crate::trials::trials_of;

/// The guard as a deployment has it.
const GUARD: &[(&str, &str)] = &[("GUARD_STOCKS", "100")];

fn parse(typed: &str) -> Phone {
    Phone::parse(typed, "RU".parse().unwrap()).unwrap()
}

/// What is stored of a place, by its key.
async fn stored(app: &App) -> BTreeMap<String, Account> {
    app.finish().await;
    let items = app.items(config::CODES_TABLE).await;
    let items = serde_json::Deserializer::from_str(&items).into_iter::<Value>().map(Result::unwrap);
    let account = |item: Value| {
        let number = |name: &str| item[name]["N"].as_str().unwrap_or("0").parse::<i64>().unwrap();
        let count = |name| u32::try_from(number(name)).expect("no stock is below nothing");
        let key = item["pk"]["S"].as_str().and_then(|pk| pk.strip_prefix("credit#"))?.to_owned();
        let account = Account {
            day: number("on_day"),
            left: count("texts_left"),
            proved: count("proofs_left"),
            sent: count("texts_sent"),
            next: (count("next_texts"), count("next_proofs")),
            times: count("times_spent"),
            spent_on: number("spent_on"),
            is_closed: item["is_closed"]["BOOL"] == json!(true),
        };
        Some((key, account))
    };
    items.filter_map(account).collect()
}

/// What the domain says is stored.
struct Expected {
    credit: Credit,
    day: i64,
    accounts: BTreeMap<Place, Account>,
}

/// What was taken, by the guard and as expected.
struct Held {
    taken: Taken,
    means: Means,
    /// From which places, on which day.
    from: Vec<(Place, i64)>,
    /// The block that was found spent.
    spent: Option<(Place, Account)>,
    is_refused: bool,
}

impl Expected {
    fn on(&self, place: &Place) -> Account {
        self.credit.on(place, self.accounts.get(place).copied(), self.day)
    }

    /// Takes a text from each place that has one.
    fn take(&mut self, phone: &Phone, means: Means, taken: Taken) -> (Answer, Held) {
        let places = self.credit.places(phone);
        let asked: Vec<_> = places.iter().filter(|place| means.widths().contains(&place.width)).collect();
        let has = |place: &&&Place| self.credit.has(place.width, &self.on(place), means);
        let from: Vec<_> = asked.iter().filter(has).map(|place| (*place).clone()).collect();
        for place in &from {
            let account = self.credit.taken(place.width, self.on(place), means);
            self.accounts.insert(place.clone(), account);
        }
        let block = self.on(&places[0]);
        let is_open = from.len() == asked.len();
        let answer = if is_open { Answer::Open } else { self.credit.refusal(&block, means) };
        let spent = (answer == Answer::Paused { is_spent: true }).then(|| (places[0].clone(), block));
        let from = from.into_iter().map(|place| (place, self.day)).collect();
        (answer, Held { taken, means, from, spent, is_refused: !is_open })
    }

    /// What was taken today is there again, and a block that still is as it was found is
    /// closed.
    fn give_back(&mut self, held: Held) {
        for (place, day) in held.from {
            let account = self.accounts.get_mut(&place).expect("something was taken from it");
            let is_block = place.width == Width::Block;
            if account.day != day || is_block && account.sent == 0 {
                continue;
            }
            account.sent -= u32::from(is_block);
            let by_proof = is_block && held.means == Means::Proof;
            *(if by_proof { &mut account.proved } else { &mut account.left }) += 1;
        }
        if let Some((block, seen)) = held.spent
            && let Some(account) = self.accounts.get_mut(&block)
            && (account.day, account.is_closed, account.proved) == (seen.day, false, 0)
        {
            let Account { times, spent_on, next, is_closed, .. } = self.credit.closed(&block, seen);
            *account = Account { times, spent_on, next, is_closed, ..*account };
        }
    }

    fn entered(&mut self, phone: &Phone, means: Means) {
        for place in self.credit.places(phone) {
            let account = self.credit.entered(place.width, self.on(&place), means);
            self.accounts.insert(place, account);
        }
    }
}

/// Whether the guard said what is expected.
fn says(stand: &Stand, answer: Answer) -> bool {
    matches!(
        (stand, answer),
        (Stand::Open, Answer::Open)
            | (Stand::ProofRequired, Answer::ProofRequired)
            | (Stand::Paused(_), Answer::Paused { .. })
    )
}

/// Every condition and every update of a place's item is the domain's rule: whatever is
/// taken, given back late, entered, closed and opened, by two instances, over days.
#[tokio::test]
async fn what_is_stored_is_what_the_domain_says() {
    let phones = ["+79001230000", "+79001240000", "+79011230000", "+77011230000"].map(parse);
    for seed in 0..trials_of(150) {
        // In half of the trials stocks are small, and a block soon has what it gets in a day.
        let (texts, person) = if seed % 2 == 0 { (0, 5) } else { (1_000, 1) };
        let vars = [("TEXTS_PER_DAY", texts.to_string()), ("CODES_PER_PHONE_HOUR", person.to_string())];
        let vars = vars.each_ref().map(|(name, value)| (*name, value.as_str()));
        let app = App::with(&[GUARD, &vars].concat()).await;
        let guards = guards::<2>(&app);
        let rng = &mut StdRng::seed_from_u64(seed.into());
        let credit = Credit::of(texts, person, Some("RU".parse().unwrap()));
        let mut expected = Expected { credit, day: 20_778, accounts: BTreeMap::new() };
        let mut held = Vec::new();
        for step in 0..250 {
            // What an instance remembers is over.
            app.clock.advance_millis(1_000);
            let guard = &guards[rng.random_range(0..2)];
            let phone = &phones[rng.random_range(0..4_usize).min(rng.random_range(0..4))];
            let means = if rng.random_ratio(1, 3) { Means::Proof } else { Means::Request };
            match rng.random_range(0..100) {
                0..50 => {
                    let (stand, taken) = guard.take(phone, means).await;
                    let (answer, taken) = expected.take(phone, means, taken);
                    let stand = stand.unwrap();
                    assert!(says(&stand, answer), "seed {seed}, step {step}: {stand:?}, {answer:?}");
                    held.push(taken);
                }
                // What was refused is given back at once or late, at times on another day
                // or when the place was opened meanwhile; what was texted seldom.
                50..72 if !held.is_empty() => {
                    let last = held.remove(held.len() - rng.random_range(1..=held.len().min(5)));
                    if last.is_refused || rng.random_ratio(1, 3) {
                        guard.give_back(&last.taken).await.unwrap();
                        expected.give_back(last);
                    }
                }
                50..90 => {
                    guard.entered(phone, means).await;
                    expected.entered(phone, means);
                }
                90..96 => {
                    let places = expected.credit.places(phone);
                    let place = &places[rng.random_range(0..3_usize).min(rng.random_range(0..3))];
                    let setup = app.setup("guard");
                    let opening = Transaction::new(setup.world.new_id()).with_all((), guard.open(place));
                    opening.commit(&Tables::new(&setup), &setup.world).await.unwrap();
                    expected.accounts.insert(place.clone(), expected.credit.opened(place, expected.day));
                }
                _ => {
                    let days = rng.random_range(1..3);
                    app.clock.advance(days * 86_400);
                    expected.day += days;
                }
            }
            let accounts = expected.accounts.iter();
            let accounts = accounts.map(|(place, account)| (place.to_string(), *account)).collect();
            assert_eq!(stored(&app).await, accounts, "seed {seed}, step {step}");
        }
    }
}

fn guards<const N: usize>(app: &App) -> [Guard; N] {
    [(); N].map(|()| Guard::new(&app.setup("request-code")).unwrap())
}

/// What a request takes, once its block has nothing left: it is to be closed.
async fn take_of_spent(app: &App, guard: &Guard, phone: &Phone) -> Taken {
    for means in [[Means::Request; 6].as_slice(), &[Means::Proof; 2]].concat() {
        guard.take(phone, means).await.0.unwrap();
    }
    app.clock.advance(1);
    let (stand, taken) = guard.take(phone, Means::Request).await;
    assert!(matches!(stand.unwrap(), Stand::Paused(_)));
    taken
}

/// A block that several found spent is closed once, and not on the day after.
#[tokio::test]
async fn a_block_is_closed_as_it_was_found() {
    let phone = parse("+79001230000");
    let app = App::with(GUARD).await;
    let [one, other] = guards(&app);
    let taken = take_of_spent(&app, &one, &phone).await;
    let (_, also_taken) = other.take(&phone, Means::Request).await;
    one.give_back(&taken).await.unwrap();
    assert!(stored(&app).await["block#+7900123"].is_closed);
    one.entered(&phone, Means::Request).await;
    let closed = stored(&app).await;
    other.give_back(&also_taken).await.unwrap();
    assert_eq!(stored(&app).await["block#+7900123"], closed["block#+7900123"]);

    let app = App::with(GUARD).await;
    let [one, other] = guards(&app);
    let taken = take_of_spent(&app, &one, &phone).await;
    app.clock.advance(86_400);
    for means in [[Means::Request; 6].as_slice(), &[Means::Proof; 2]].concat() {
        other.take(&phone, means).await.0.unwrap();
    }
    one.give_back(&taken).await.unwrap();
    assert!(!stored(&app).await["block#+7900123"].is_closed, "that was yesterday");
}

/// What was given back while its answer was lost is not given back again, although
/// somebody else wrote to the item since.
#[tokio::test(start_paused = true)]
async fn a_text_is_given_back_once() {
    let phone = parse("+79001230000");
    let app = App::with(GUARD).await;
    let [one, other] = guards(&app);
    let (_, taken) = one.take(&phone, Means::Request).await;
    for _ in 0..3 {
        app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    }
    let giving = tokio::spawn(async move { one.give_back(&taken).await });
    app.faults.until_met().await;
    other.take(&phone, Means::Request).await.0.unwrap();
    let _ = giving.await.unwrap();
    let left = stored(&app).await.into_values().map(|account| account.left);
    assert_eq!(left.collect::<Vec<_>>(), [5, 1_999, 14]);
}
