//! What a function is built from at its start: variables, time and chance, and
//! the clients, each built once and only where it is asked for.

use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;

use crate::config::Vars;
use crate::world::World;

/// What a function is built from.
pub struct Setup {
    /// The parameters.
    pub vars: Vars,
    /// Time and chance.
    pub world: Arc<World>,
    http: Option<SharedHttpClient>,
    dynamodb: OnceLock<Client>,
}

impl Setup {
    /// Over the network, to the region's DynamoDB or to the one that
    /// `AWS_ENDPOINT_URL_DYNAMODB` names.
    pub const fn new(vars: Vars, world: Arc<World>) -> Self {
        Self { vars, world, http: None, dynamodb: OnceLock::new() }
    }

    /// Through an HTTP client of one's own: an engine in the same process, or
    /// one that injects faults.
    #[must_use]
    pub fn through(mut self, http: SharedHttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// What every client sends its requests through.
    pub fn http_client(&self) -> SharedHttpClient {
        self.http.clone().unwrap_or_else(crate::aws::https_client)
    }

    /// The client of DynamoDB.
    pub fn dynamodb(&self) -> Client {
        self.dynamodb.get_or_init(|| crate::aws::dynamodb(&self.vars, self.http_client())).clone()
    }
}
