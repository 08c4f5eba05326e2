//! What a function is built from at its start: variables, time and chance, and
//! the clients, each built once and only where it is asked for.

use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;

use crate::base::afterwards::Afterwards;
use crate::base::config::Vars;
use crate::base::world::World;
use crate::cloud::clients;
use crate::cloud::reader::Reader;

/// Works while what was asked for is on its way: a start computes instead of
/// waiting.
pub async fn meanwhile<A: Future>(asked: A, work: impl FnOnce()) -> A::Output {
    let work = async {
        // Until the questions have been sent.
        tokio::task::yield_now().await;
        work();
    };
    let (answer, ()) = tokio::join!(biased; asked, work);
    answer
}

/// What a function is built from.
pub struct Setup {
    /// The parameters.
    pub vars: Vars,
    /// Time and chance.
    pub world: Arc<World>,
    /// What can wait until an answer is out.
    pub afterwards: Arc<Afterwards>,
    http: OnceLock<SharedHttpClient>,
    tables: Option<SharedHttpClient>,
    dynamodb: OnceLock<Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
    reader: OnceLock<Arc<Reader>>,
}

impl Setup {
    /// Over the network, to the region's DynamoDB or to the one that
    /// `AWS_ENDPOINT_URL_DYNAMODB` names.
    pub fn new(vars: Vars, world: Arc<World>) -> Self {
        Self {
            vars,
            world,
            afterwards: Arc::default(),
            http: OnceLock::new(),
            tables: None,
            dynamodb: OnceLock::new(),
            secrets_manager: OnceLock::new(),
            reader: OnceLock::new(),
        }
    }

    /// Of a function that answers before it does what can wait.
    #[must_use]
    pub fn answering_first(mut self) -> Self {
        self.afterwards = Arc::new(Afterwards::of_answers());
        self
    }

    /// With the tables reached through an HTTP client of one's own: an engine in
    /// the same process, whose answer cannot be lost. However busy the machine, it is
    /// waited for: giving up would only leave in doubt what is about to be done.
    #[must_use]
    pub fn tables_through(mut self, http: SharedHttpClient) -> Self {
        self.tables = Some(http);
        self
    }

    /// With a client of DynamoDB of one's own: a person's, with a person's
    /// credentials.
    #[must_use]
    pub fn with_dynamodb(mut self, client: Client) -> Self {
        self.dynamodb = OnceLock::from(client);
        self
    }

    /// With all of AWS reached through an HTTP client of one's own: one that
    /// injects faults.
    #[must_use]
    pub fn through(mut self, http: SharedHttpClient) -> Self {
        self.http = OnceLock::from(http);
        self
    }

    /// What clients send their requests through: one pool of connections.
    pub fn http_client(&self) -> SharedHttpClient {
        self.http.get_or_init(|| clients::https_client(&self.vars)).clone()
    }

    /// The client of DynamoDB.
    pub fn dynamodb(&self) -> Client {
        let reach = || match self.tables.clone() {
            Some(in_process) => clients::dynamodb(&self.vars, in_process, TimeoutConfig::disabled()),
            None => clients::dynamodb(&self.vars, self.http_client(), clients::limits_of_network()),
        };
        self.dynamodb.get_or_init(reach).clone()
    }

    /// The client of Secrets Manager.
    pub(crate) fn secrets_manager(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets_manager.get_or_init(|| clients::secrets_manager(&self.vars, self.http_client()))
    }

    /// What reads by key, for all tables.
    pub(crate) fn reader(&self) -> Arc<Reader> {
        Arc::clone(self.reader.get_or_init(|| Reader::new(self.dynamodb())))
    }
}
