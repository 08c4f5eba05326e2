//! Invite codes, and who entered them.

use serde_json::Value;

use super::{Verdict, ledger, rule};
use crate::truth::{Applied, Place, Table, Truth, number, some_number, text};

/// An invite code has one owner, and then none for ever.
pub(super) fn invites(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "invite#") {
        let code = change.place.key.trim_start_matches("invite#").to_owned();
        rule!(change.after.is_some(), "invite_forgotten", "{code}");
        let counts = |item: &Value| item["uses"]["N"].is_string();
        if counts(change.after()) && !counts(change.before()) {
            // From now on uses are counted: those before are the referrals that are left.
            let owner = text(change.after(), "owner_id").unwrap_or_default();
            let left = if change.before.is_some() { truth.edges_of(owner, truth.seq()) } else { 0 };
            let uses = number(change.after(), "uses");
            rule!(usize::try_from(uses) == Ok(left), "uses", "{uses} of {code} for {left} referrals");
            truth.activations.insert(code.clone(), u32::try_from(left).unwrap_or(u32::MAX));
        }
        if let Some(owner) = text(change.after(), "owner_id") {
            let first = truth.owner_of_invite.entry(code.clone()).or_insert_with(|| owner.to_owned());
            rule!(*first == owner, "invite_given_away", "{code} of {first} is {owner}'s");
            rule!(
                change.before.is_none() || text(change.before(), "owner_id").is_some(),
                "invite_revived",
                "{code}"
            );
        }
    }
    Ok(())
}

/// Who enters an invite code does so once, somebody else's, within its terms.
pub(super) fn activations(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#") {
        let Some(code) = text(change.after(), "activated_invite_code") else { continue };
        if text(change.before(), "activated_invite_code").is_some() {
            continue;
        }
        let id = text(change.after(), "id").unwrap_or_default();
        let referrer = text(change.after(), "referrer_id").unwrap_or_default();
        rule!(referrer != id, "own_code", "{id} entered {code}");
        let edge = format!("edge#{}#{}", id.min(referrer), id.max(referrer));
        let is_linked = applied.of(Table::Users, &edge).any(|edge| edge.before.is_none());
        rule!(is_linked, "referral_without_edge", "{id} entered {code} of {referrer}");
        truth.referrals += 1;
        let uses = truth.activations.entry(code.to_owned()).or_default();
        *uses += 1;
        let uses = *uses;
        let place = Place::invite(code);
        let own = applied.changes.iter().find(|change| change.place == place);
        let terms = own.map_or_else(|| truth.item(&place), |change| change.before.as_deref());
        if let Some(most) = terms.and_then(|terms| terms["max_uses"]["N"].as_str()) {
            let most: u32 = most.parse().unwrap_or_default();
            rule!(uses <= most, "max_uses", "{code} was entered {uses} times of {most}");
        }
        let owner = terms.and_then(|terms| text(terms, "owner_id"));
        rule!(owner == Some(referrer), "entered_nobodys", "{code} was entered for {referrer}, not {owner:?}");
        // Once uses are counted each is, also that of somebody who read the code before.
        if terms.is_some_and(|terms| terms["uses"]["N"].is_string()) {
            let counted = own.map_or(terms, |change| change.after.as_deref()).map(|now| number(now, "uses"));
            rule!(
                counted == Some(uses.into()),
                "uses",
                "{code} was entered {uses} times, {counted:?} counted"
            );
        }
        let Some(ledger) = ledger(truth, applied) else { continue };
        let was_open = truth.versions(ledger, &place).flatten().any(|terms| {
            let end = some_number(terms, "expires_at");
            text(terms, "owner_id") == Some(referrer)
                && terms["revoked"]["BOOL"].as_bool() != Some(true)
                && end.is_none_or(|end| end > ledger.begun)
        });
        rule!(was_open, "closed_invite", "{} {}: {code} of {referrer}", ledger.id, ledger.call);
    }
    Ok(())
}

/// What is counted in a transaction is counted exactly.
pub(super) fn sums(truth: &mut Truth, applied: &Applied) -> Verdict {
    let of_edges = applied.of(Table::Users, "edge#").flat_map(|change| [change.before(), change.after()]);
    let of_edges = of_edges.filter_map(|item| text(item, "referrer_id")).map(str::to_owned);
    let of_shards = applied.of(Table::Users, "refs#").filter_map(|change| change.place.key.split('#').nth(1));
    let mut touched: Vec<_> = of_edges.chain(of_shards.map(str::to_owned)).collect();
    touched.sort();
    touched.dedup();
    for user in touched {
        if truth.item(&Place::user(&user)).is_none() {
            continue;
        }
        let edges = truth.items(Table::Users, "edge#");
        let edges = edges.filter(|(_, edge)| text(edge, "referrer_id") == Some(&user)).count();
        let shards = format!("refs#{user}#");
        let counted: i64 = truth.items(Table::Users, &shards).map(|(_, shard)| number(shard, "n")).sum();
        rule!(i64::try_from(edges) == Ok(counted), "referrals_count", "{user}: {counted} for {edges}");
    }
    if applied.of(Table::Codes, "made#").next().is_some()
        || applied.of(Table::Users, "user#").next().is_some()
    {
        let sum = |name: &str| -> i64 {
            truth.items(Table::Codes, "made#").map(|(_, item)| number(item, name)).sum()
        };
        let (sign_ups, referrals) = (sum("sign_ups"), sum("referrals"));
        rule!(sign_ups == truth.sign_ups, "sign_ups", "{sign_ups} for {}", truth.sign_ups);
        rule!(referrals == truth.referrals, "referrals", "{referrals} for {}", truth.referrals);
    }
    Ok(())
}
