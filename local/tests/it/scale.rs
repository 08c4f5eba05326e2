//! What an endpoint costs does not grow with what it lists.

use std::time::Instant;

use latchkey::domain::invite::InviteCode;
use latchkey::domain::phone::Phone;
use latchkey::domain::user::{User, UserId};
use latchkey::tables::transaction::{Committed, Tables, Transaction};
use latchkey::tables::users::Users;

use crate::app::{App, Person, phone};

/// What one answer cost: items and bytes read, for each request in order.
#[derive(Debug, PartialEq)]
struct Cost {
    requests: Vec<(String, usize, usize)>,
    answered: usize,
}

async fn cost(app: &App, path: &str, person: &Person) -> Cost {
    app.faults.asked();
    let answer = app.get(path, &person.token).await;
    let items = answer.ok(200)["items"].as_array().map_or(10, Vec::len);
    assert_eq!(items, 10);
    let mut requests: Vec<_> =
        app.faults.asked().into_iter().map(|asked| (asked.operation, asked.items, asked.bytes)).collect();
    requests.sort();
    Cost { requests, answered: answer.body.len() }
}

/// `count` referrals of `person`, as activating leaves them.
async fn invite(app: &App, person: &Person, from: u32, count: u32) {
    let (setup, referrer) = (app.setup("test"), UserId(person.id.clone()));
    let (users, tables) = (Users::new(&setup), Tables::new(&setup));
    for start in (from..from + count).step_by(40) {
        let mut links = Transaction::new(app.world.new_id());
        for n in start..(start + 40).min(from + count) {
            app.clock.advance_millis(1);
            let number = Phone::parse(&phone(n), "RU".parse().unwrap()).unwrap();
            let code = InviteCode::draw(&mut *app.world.chance());
            let friend = User::new(UserId(app.world.new_id()), number, code, app.world.now());
            links = links.with((), users.link(&friend, &referrer, app.world.now()));
        }
        assert!(matches!(links.commit(&tables, &app.world).await.unwrap(), Committed::Done));
    }
}

#[tokio::test]
async fn the_first_page_of_10_000_referrals_costs_what_that_of_10_does() {
    let app = App::with(&[("ACCESS_TTL", "86400")]).await;
    let (few, many) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    // One more than a page: each page ends in a cursor.
    invite(&app, &few, 1_000, 11).await;
    invite(&app, &many, 10_000, 10_000).await;

    let path = "/v1/users/me/referrals?limit=10";
    let (of_few, of_many) = (cost(&app, path, &few).await, cost(&app, path, &many).await);
    assert_eq!(of_few, of_many);

    // Time is reported, never asserted.
    for person in [&few, &many] {
        let start = Instant::now();
        for _ in 0..100 {
            app.get(path, &person.token).await;
        }
        println!("a page of referrals, mean of 100: {:?}", start.elapsed() / 100);
    }
}
