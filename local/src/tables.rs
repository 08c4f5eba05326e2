//! The tables, created as `template.yaml` defines them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use latchkey::base::config::{self, Parameter, Vars};
use latchkey::base::error::StartError;
use latchkey_template::{Table, Template};

/// Creates those that are not there yet, under the names that `vars` gives.
pub async fn create(client: &Client, vars: &Vars) -> Result<(), StartError> {
    for table in Template::of_checkout().tables() {
        let name = vars.text(parameter_of(&table.logical_id)?);
        let cannot = |error| StartError::new(format!("{} cannot be created", table.logical_id), error);
        if !create_one(client, name, &table).await.map_err(cannot)? {
            let present = indexes(client, name).await.map_err(cannot)?;
            if present != table.indexes.iter().map(|(name, _)| name.clone()).collect() {
                let other = "another version made it: delete the data folder, or take another (--data-dir)";
                return Err(StartError::new(format!("{} has other indexes", table.logical_id), other));
            }
        }
    }
    Ok(())
}

/// The names of a table's indexes.
async fn indexes(client: &Client, name: &str) -> Result<BTreeSet<String>, aws_sdk_dynamodb::Error> {
    let described = client.describe_table().table_name(name).send().await?.table;
    let indexes = described.and_then(|table| table.global_secondary_indexes).unwrap_or_default();
    Ok(indexes.into_iter().filter_map(|index| index.index_name).collect())
}

fn parameter_of(logical_id: &str) -> Result<&'static Parameter, StartError> {
    [config::USERS_TABLE, config::CODES_TABLE, config::SESSIONS_TABLE, config::AUDIT_TABLE]
        .into_iter()
        .find(|parameter| parameter.default == logical_id)
        .ok_or_else(|| StartError::new("template.yaml", format!("no parameter names {logical_id}")))
}

/// Creates a table; `false` if there is one of that name.
async fn create_one(client: &Client, name: &str, table: &Table) -> Result<bool, aws_sdk_dynamodb::Error> {
    let attributes = table.attributes.iter().map(|(name, kind)| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::from(kind.as_str()))
            .build()
    });
    let indexes = table.indexes.iter().map(|(name, keys)| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(key_schema(keys)?))
            .projection(projection(table.projections.get(name)))
            .build()
    });
    let indexes: Vec<_> = indexes.collect::<Result<_, _>>()?;
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect::<Result<_, _>>()?))
        .set_key_schema(Some(key_schema(&table.keys)?))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    if let Some(ttl) = &table.ttl {
        let ttl = TimeToLiveSpecification::builder().attribute_name(ttl).enabled(true).build()?;
        client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await?;
    }
    Ok(true)
}

/// Whole items, or these attributes besides the keys.
fn projection(held: Option<&Vec<String>>) -> Projection {
    let kind = if held.is_some() { ProjectionType::Include } else { ProjectionType::All };
    Projection::builder().projection_type(kind).set_non_key_attributes(held.cloned()).build()
}

fn key_schema(keys: &[String]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let kinds = [KeyType::Hash, KeyType::Range];
    keys.iter()
        .zip(kinds)
        .map(|(key, kind)| KeySchemaElement::builder().attribute_name(key).key_type(kind).build())
        .collect()
}
