//! All that the users table holds, item by item: for whoever takes it elsewhere. No endpoint
//! reads so.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, read};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::domain::invite::Invite;
use crate::domain::invite_code::InviteCode;
use crate::domain::user::{User, UserId};
use crate::tables::referrals::Edge;
use crate::tables::users::MADE_ADMIN;

/// The whole table.
pub struct Census(Table);

/// What one item is. Those that others tell of, and those that are of no use elsewhere, are
/// left out.
#[derive(Debug)]
pub enum Stored {
    /// A user.
    User(Box<User>),
    /// An invite code, whose it is and on what terms.
    Invite(InviteCode, Invite),
    /// That somebody entered the code of somebody.
    Edge {
        /// Who.
        user: UserId,
        /// When.
        activated_at: Timestamp,
    },
    /// That a number made an admin: a hash of it.
    MadeAdmin(String),
}

/// How many items are read at once, about the megabyte that DynamoDB reads at most. The embedded
/// engine reads all that is left where it is not told.
const AT_ONCE: i32 = 1_000;

/// From where on the next page is read.
#[derive(Debug)]
pub struct Place(HashMap<String, AttributeValue>);

impl Census {
    /// That of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// A page, read consistently: each item as it was at one moment, and no two pages at the
    /// same. With it where to go on, `None` at the end.
    pub async fn page(&self, from: Option<Place>) -> Result<(Vec<Stored>, Option<Place>), StoreError> {
        // Of avatars nothing: they are large, and read by their users.
        let scan = self
            .scan()
            .filter_expression("NOT begins_with(pk, :avatars)")
            .expression_attribute_values(":avatars", AttributeValue::S("avatar#".to_owned()));
        let (items, next) = go_on(scan, from).await?;
        let stored = items.into_iter().map(stored).collect::<Result<Vec<_>, _>>()?;
        Ok((stored.into_iter().flatten().collect(), next))
    }

    /// Of the next items users whom the index `numbers` does not have: accounts that an older
    /// version made, which did not write the index's key. With them where to go on, `None` at the
    /// end.
    pub async fn unnumbered(&self, from: Option<Place>) -> Result<(Vec<User>, Option<Place>), StoreError> {
        let scan = self
            .scan()
            .filter_expression("begins_with(pk, :users) AND attribute_not_exists(#country)")
            .expression_attribute_names("#country", "country")
            .expression_attribute_values(":users", AttributeValue::S("user#".to_owned()));
        let (items, next) = go_on(scan, from).await?;
        Ok((items.into_iter().map(read).collect::<Result<_, _>>()?, next))
    }

    fn scan(&self) -> ScanFluentBuilder {
        self.0.client.scan().table_name(&self.0.name).consistent_read(true).limit(AT_ONCE)
    }
}

/// The next items, and where to go on behind them.
async fn go_on(
    scan: ScanFluentBuilder,
    from: Option<Place>,
) -> Result<(Vec<Item>, Option<Place>), StoreError> {
    let scan = scan.set_exclusive_start_key(from.map(|Place(key)| key));
    let output = scan.send().await.map_err(StoreError::of_read)?;
    Ok((output.items.unwrap_or_default(), output.last_evaluated_key.map(Place)))
}

fn stored(item: Item) -> Result<Option<Stored>, StoreError> {
    let Some(AttributeValue::S(pk)) = item.get("pk").cloned() else { return Ok(None) };
    if let Some(hash) = pk.strip_prefix(MADE_ADMIN) {
        return Ok(Some(Stored::MadeAdmin(hash.to_owned())));
    }
    Ok(match pk.split_once('#') {
        Some(("user", _)) => Some(Stored::User(read(item)?)),
        Some(("invite", code)) => match InviteCode::parse(code) {
            Some(code) => Some(Stored::Invite(code, read(item)?)),
            None => None,
        },
        Some(("edge", _)) => {
            let Edge { referral, .. } = read(item)?;
            Some(Stored::Edge { user: referral.id, activated_at: referral.activated_at })
        }
        _ => None,
    })
}
