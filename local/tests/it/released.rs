//! What stays when a stack is upgraded from the last release.

use std::collections::BTreeSet;

use latchkey_template::{TEMPLATE, Table, Template};
use serde_json::Value;

const RELEASED: &str = include_str!("../../../template/released.yaml");
const POLICY: &str = include_str!("../../../template/stack-policy.json");

/// The block of a resource, as it is written.
fn block<'a>(template: &'a str, resource: &str) -> &'a str {
    let start = template.find(&format!("\n  {resource}:\n")).unwrap() + 1;
    let length = template[start..].find("\n\n").unwrap_or(template.len() - start);
    template[start..start + length].trim_end()
}

/// DynamoDB makes or deletes one index of a table at a time, so a deployment of two fails; and
/// what else changes of a table's or an index's keys replaces it.
fn upgrade(from: &Table, to: &Table) -> Result<(), String> {
    let name = &from.logical_id;
    if from.keys != to.keys {
        return Err(format!("{name} has other keys, and would be replaced"));
    }
    let names = |table: &Table| table.indexes.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let changed: Vec<_> = names(from).symmetric_difference(&names(to)).cloned().collect();
    if changed.len() > 1 {
        return Err(format!("{name} changes {changed:?}: one index a release"));
    }
    for (index, keys) in &from.indexes {
        if to.indexes.iter().any(|(other, others)| other == index && others != keys) {
            return Err(format!("{name} changes the keys of its index {index}: make one of another name"));
        }
    }
    Ok(())
}

#[test]
fn tables_can_be_upgraded_from_the_last_release() {
    let now = Template::of_checkout().tables();
    for released in Template::parse(RELEASED).tables() {
        let table = now.iter().find(|table| table.logical_id == released.logical_id).unwrap();
        upgrade(&released, table).unwrap();
    }
}

/// The rule itself, on tables that break it.
#[test]
fn two_indexes_other_keys_and_a_changed_index_are_refused() {
    let tables = Template::of_checkout().tables();
    let users = tables.iter().find(|table| table.logical_id == "UsersTable").unwrap();
    let changed = |change: &dyn Fn(&mut Table)| {
        let mut table = users.clone();
        change(&mut table);
        upgrade(users, &table)
    };
    let index = |name: &str| (name.to_owned(), vec!["pk".to_owned()]);
    changed(&|table| table.indexes.push(index("one"))).unwrap();
    changed(&|table| table.indexes.truncate(users.indexes.len() - 1)).unwrap();
    changed(&|table| table.indexes.extend([index("one"), index("two")])).unwrap_err();
    changed(&|table| table.indexes[0] = index("another")).unwrap_err();
    changed(&|table| table.indexes[0].1 = vec!["pk".to_owned()]).unwrap_err();
    changed(&|table| table.keys.push("position".to_owned())).unwrap_err();
}

/// Another GenerateSecretString draws a new secret over the one that was rotated since: everybody
/// would be signed out.
#[test]
fn no_secret_is_drawn_anew() {
    for secret in ["SigningSecret", "PepperSecret"] {
        let drawn = |template| block(template, secret).split_once("GenerateSecretString:").unwrap().1;
        assert!(drawn(RELEASED).contains("PasswordLength"));
        assert_eq!(drawn(TEMPLATE), drawn(RELEASED), "{secret}");
    }
}

/// What is kept when a stack goes, no update of it may replace or delete; and what a first
/// deployment that fails has made goes with it.
#[test]
fn the_stack_policy_protects_what_is_kept() {
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    let [allowed, denied] = &policy["Statement"].as_array().unwrap()[..] else { panic!("{POLICY}") };
    assert_eq!((&allowed["Effect"], &allowed["Action"]), (&"Allow".into(), &"Update:*".into()));
    assert_eq!(denied["Effect"], "Deny");
    assert_eq!(denied["Action"], serde_json::json!(["Update:Replace", "Update:Delete"]));
    let protected = denied["Resource"].as_array().unwrap().iter();
    let protected: BTreeSet<_> =
        protected.map(|of| of.as_str().unwrap().strip_prefix("LogicalResourceId/").unwrap()).collect();
    assert_eq!(protected, BTreeSet::from(["UsersTable", "AuditTable", "SigningSecret", "PepperSecret"]));
    for resource in protected {
        let block = block(TEMPLATE, resource);
        assert!(block.contains("\n    DeletionPolicy: RetainExceptOnCreate\n"), "{resource}");
        assert!(block.contains("\n    UpdateReplacePolicy: Retain\n"), "{resource}");
    }
    assert_eq!(TEMPLATE.matches("DeletionPolicy: RetainExceptOnCreate").count(), 4);
}
