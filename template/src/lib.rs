//! Reads `template.yaml`, so that what it defines is defined nowhere else: the
//! gateway creates its tables from it, `site` knows from it which methods a
//! path has, and the tests hold code and template equal.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// The template, as it stands in the checkout.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

/// The template of a deployment.
pub struct Template(Value);

/// A route of the HTTP API, with the function that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `GET`, and so on; empty for `$default`.
    pub method: String,
    /// `/v1/users/{user_id}`, and so on; `$default` for all the rest.
    pub path: String,
    /// The name of the function's binary.
    pub function: String,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What holds where a deployment does not set it.
    pub default: Option<String>,
    /// What it is for.
    pub description: String,
    /// What a deployment may set.
    pub allowed: Allowed,
}

/// Values of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// One of these.
    Values(Vec<String>),
    /// Numbers from the one to the other.
    Range(i64, i64),
    /// What this regular expression matches whole, of at most so many bytes.
    Pattern(String, usize),
    /// Whatever is set.
    Anything,
}

/// A table, as `CreateTable` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in the template, and on a laptop.
    pub logical_id: String,
    /// Names and types (`S`, `N`, `B`) of key attributes.
    pub attributes: Vec<(String, String)>,
    /// Hash key, and range key where there is one.
    pub keys: Vec<String>,
    /// Names and keys of indexes.
    pub indexes: Vec<(String, Vec<String>)>,
    /// What indexes hold besides keys; those that are not named here, whole items.
    pub projections: BTreeMap<String, Vec<String>>,
    /// The attribute that says when an item may be deleted.
    pub ttl: Option<String>,
}

/// The name in the template of what goes by words elsewhere: `CodeLength` of
/// `CODE_LENGTH`, `SignOut` of `sign-out`.
pub fn logical_id(words: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..].to_lowercase();
    words.split(['_', '-']).map(word).collect()
}

impl Template {
    /// That of the checkout.
    pub fn of_checkout() -> Self {
        Self::parse(TEMPLATE)
    }

    /// Reads a template. Tags such as `!Ref` are passed over: what they stand
    /// for is known in a deployment only.
    ///
    /// # Panics
    /// If it is no YAML.
    pub fn parse(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).expect("the template is YAML");
        Self(documents.first().map(to_json).unwrap_or_default())
    }

    /// Its parameters.
    pub fn parameters(&self) -> Vec<Parameter> {
        entries(&self.0["Parameters"])
            .map(|(name, parameter)| Parameter {
                name: name.clone(),
                default: parameter.get("Default").map(scalar),
                description: scalar(&parameter["Description"]),
                allowed: allowed(parameter),
            })
            .collect()
    }

    /// The names of the variables that a function gets.
    pub fn variables(&self, function: &str) -> Vec<String> {
        std::iter::once(&self.0["Globals"]["Function"])
            .chain(self.properties(function))
            .flat_map(|of| entries(&of["Environment"]["Variables"]))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The names of the binaries of its functions.
    pub fn functions(&self) -> Vec<String> {
        self.resources("AWS::Serverless::Function").map(|(_, function)| binary(function)).collect()
    }

    /// Its routes, sorted.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes: Vec<_> = self
            .resources("AWS::Serverless::Function")
            .flat_map(|(_, function)| {
                entries(&function["Properties"]["Events"]).map(|(_, event)| {
                    let value = |name| event["Properties"].get(name).map(scalar);
                    Route {
                        method: value("Method").unwrap_or_default(),
                        path: value("Path").unwrap_or_else(|| "$default".to_owned()),
                        function: binary(function),
                    }
                })
            })
            .collect();
        routes.sort();
        routes
    }

    /// The keys of the routes that have a throttle of their own.
    pub fn throttled(&self) -> BTreeSet<String> {
        let apis = self.resources("AWS::Serverless::HttpApi");
        apis.flat_map(|(_, api)| entries(&api["Properties"]["RouteSettings"]))
            .filter(|(_, settings)| settings.get("ThrottlingRateLimit").is_some())
            .map(|(route, _)| route.clone())
            .collect()
    }

    /// What a function's policies allow: pairs of an action and the resource
    /// as it is written, without its tag.
    pub fn allowed(&self, function: &str) -> Vec<(String, String)> {
        self.statements(function, "Allow")
    }

    /// What they deny, whatever else allows it.
    pub fn denied(&self, function: &str) -> Vec<(String, String)> {
        self.statements(function, "Deny")
    }

    /// The attributes that a function may touch by an action on a resource, where its
    /// policies allow that for some alone.
    pub fn attributes(&self, function: &str, action: &str, resource: &str) -> Option<Vec<String>> {
        self.narrowed(function, action, resource, "dynamodb:Attributes")
    }

    /// The patterns of the leading keys of the items that a function may touch by an action on
    /// a resource, where its policies allow that for some alone.
    pub fn leading_keys(&self, function: &str, action: &str, resource: &str) -> Option<Vec<String>> {
        self.narrowed(function, action, resource, "dynamodb:LeadingKeys")
    }

    /// What the conditions of all statements that allow it list under a key; none if one
    /// allows it without.
    fn narrowed(&self, function: &str, action: &str, resource: &str, key: &str) -> Option<Vec<String>> {
        let of = |statement: &&Value| {
            one_or_more(&statement["Action"]).iter().any(|one| one == action)
                && one_or_more(&statement["Resource"]).iter().any(|one| one == resource)
        };
        let lists: Option<Vec<_>> = self
            .policies(function)
            .filter(of)
            .map(|statement| {
                let conditions = entries(&statement["Condition"]);
                let lists = conditions.filter(|(test, _)| test.starts_with("ForAllValues:String"));
                lists.filter_map(|(_, test)| test.get(key)).map(one_or_more).next()
            })
            .collect();
        lists.map(|all| all.concat())
    }

    fn statements(&self, function: &str, effect: &str) -> Vec<(String, String)> {
        self.policies(function)
            .filter(|statement| statement["Effect"] == effect)
            .flat_map(|statement| {
                let resources = one_or_more(&statement["Resource"]);
                one_or_more(&statement["Action"])
                    .into_iter()
                    .flat_map(move |action| resources.clone().into_iter().map(move |of| (action.clone(), of)))
            })
            .collect()
    }

    /// The statements of a function's policies.
    fn policies(&self, function: &str) -> impl Iterator<Item = &Value> {
        self.properties(function)
            .flat_map(|properties| list(&properties["Policies"]))
            .flat_map(|policy| list(&policy["Statement"]))
    }

    /// Its tables.
    pub fn tables(&self) -> Vec<Table> {
        self.resources("AWS::DynamoDB::Table")
            .map(|(logical_id, table)| {
                let properties = &table["Properties"];
                Table {
                    logical_id: logical_id.clone(),
                    attributes: list(&properties["AttributeDefinitions"])
                        .map(|of| (scalar(&of["AttributeName"]), scalar(&of["AttributeType"])))
                        .collect(),
                    keys: keys(properties),
                    indexes: list(&properties["GlobalSecondaryIndexes"])
                        .map(|index| (scalar(&index["IndexName"]), keys(index)))
                        .collect(),
                    projections: list(&properties["GlobalSecondaryIndexes"])
                        .filter(|index| index["Projection"]["ProjectionType"] == "INCLUDE")
                        .map(|index| {
                            let held = list(&index["Projection"]["NonKeyAttributes"]).map(scalar);
                            (scalar(&index["IndexName"]), held.collect())
                        })
                        .collect(),
                    ttl: properties["TimeToLiveSpecification"].get("AttributeName").map(scalar),
                }
            })
            .collect()
    }

    /// The resources of a kind, by name, with their properties as they are written.
    pub fn resources_of(&self, kind: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        self.resources(kind).map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    /// The properties of a function.
    fn properties(&self, function: &str) -> impl Iterator<Item = &Value> {
        self.resources("AWS::Serverless::Function")
            .filter(move |(_, resource)| binary(resource) == function)
            .map(|(_, resource)| &resource["Properties"])
    }

    fn resources(&self, kind: &'static str) -> impl Iterator<Item = (&String, &Value)> {
        entries(&self.0["Resources"]).filter(move |(_, resource)| resource["Type"] == kind)
    }
}

fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

/// What IAM takes as one text or as a list of texts.
fn one_or_more(value: &Value) -> Vec<String> {
    value.as_array().map_or_else(|| vec![scalar(value)], |all| all.iter().map(scalar).collect())
}

fn list(of: &Value) -> impl Iterator<Item = &Value> {
    of.as_array().into_iter().flatten()
}

/// The key attributes of a table or an index, the hash key first.
fn keys(of: &Value) -> Vec<String> {
    list(&of["KeySchema"]).map(|key| scalar(&key["AttributeName"])).collect()
}

fn allowed(parameter: &Value) -> Allowed {
    let bound = |name| parameter[name].as_i64();
    if let Some(values) = parameter["AllowedValues"].as_array() {
        Allowed::Values(values.iter().map(scalar).collect())
    } else if let (Some(least), Some(most)) = (bound("MinValue"), bound("MaxValue")) {
        Allowed::Range(least, most)
    } else if let Some(pattern) = parameter["AllowedPattern"].as_str() {
        let longest = parameter["MaxLength"].as_u64().and_then(|most| most.try_into().ok());
        Allowed::Pattern(pattern.to_owned(), longest.unwrap_or(usize::MAX))
    } else {
        Allowed::Anything
    }
}

fn binary(function: &Value) -> String {
    scalar(&function["Metadata"]["BuildProperties"]["Binary"])
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_making(condition: &Value) -> bool {
    condition.as_str().is_some_and(|name| name.starts_with("Makes"))
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        Yaml::Value(Scalar::FloatingPoint(number)) => Value::from(number.into_inner()),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| (scalar(&to_json(key)), to_json(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        // What the stack makes itself, unless it is told of one that is there.
        Yaml::Tagged(tag, value) if tag.suffix == "If" => match to_json(value) {
            Value::Array(of) if of.first().is_some_and(is_making) => of.get(1).cloned().unwrap_or_default(),
            other => other,
        },
        Yaml::Tagged(_, value) => to_json(value),
        Yaml::Value(Scalar::Null) | Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}
