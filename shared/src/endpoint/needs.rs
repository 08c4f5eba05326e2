//! What an endpoint may need, all on one page: how it is built, and which
//! parameters it reads.

use std::sync::Arc;

use crate::access::ending::Ending;
use crate::access::gate::Gate;
use crate::base::config::Parameter;
use crate::base::error::StartError;
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::Tables;
use crate::http::problem::Code;
use crate::http::views::Profiles;
use crate::tables;
use crate::tables::audit::Audit;
use crate::tables::avatars::Avatars;
use crate::tables::day_texts::DayTexts;
use crate::tables::guard::Guard;
use crate::tables::invites::Invites;
use crate::tables::keyset::Keyset;
use crate::tables::passkeys::Passkeys;
use crate::tables::referrals::Referrals;
use crate::tables::rolls::Rolls;
use crate::tables::sessions::Sessions;
use crate::tables::stats::Stats;
use crate::tables::users::Users;
use crate::tokens::claims::Names;

/// What an endpoint needs: tables, a sender, keys. Several are a tuple; what
/// reads parameters of its own is a struct `Deps` beside the endpoint.
pub trait Needs: Sized + Send + Sync + 'static {
    /// The problems that using it can end in.
    const PROBLEMS: &'static [Code] = &[Code::Unavailable, Code::OutcomeUnknown];

    /// The parameters that building it reads: a deployed function is given
    /// these and no others. One may stand in it several times.
    fn parameters() -> Vec<&'static Parameter>;

    /// Builds it. Only what is built here is linked into the binary.
    ///
    /// # Errors
    /// A bad parameter, or something that cannot be reached.
    fn build(setup: &Setup) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// The gate that its callers pass; none where anyone may call.
    fn gate(&self) -> Option<&Gate> {
        None
    }
}

impl Needs for () {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        Vec::new()
    }

    async fn build(_: &Setup) -> Result<Self, StartError> {
        Ok(())
    }
}

impl Needs for Arc<World> {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        Vec::new()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::clone(&setup.world))
    }
}

impl Needs for Names {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.to_vec()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::read(&setup.vars))
    }
}

impl Needs for Gate {
    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Self::build(setup).await
    }

    fn gate(&self) -> Option<&Gate> {
        Some(self)
    }
}

impl Needs for Ending {
    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup))
    }
}

impl Needs for Profiles {
    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup)?)
    }
}

impl Needs for Guard {
    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup)?)
    }
}

impl Needs for DayTexts {
    fn parameters() -> Vec<&'static Parameter> {
        Self::PARAMETERS.concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup)?)
    }
}

impl Needs for Audit {
    fn parameters() -> Vec<&'static Parameter> {
        tables::AUDIT.to_vec()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup)?)
    }
}

macro_rules! rooms {
    ($($room:ident of $table:expr;)+) => {
        $(
            impl Needs for $room {
                fn parameters() -> Vec<&'static Parameter> {
                    $table.to_vec()
                }

                async fn build(setup: &Setup) -> Result<Self, StartError> {
                    Ok(Self::new(setup))
                }
            }
        )+
    };
}

rooms! {
    Avatars of tables::USERS;
    Invites of tables::USERS;
    Keyset of tables::USERS;
    Passkeys of tables::USERS;
    Referrals of tables::USERS;
    Rolls of tables::USERS;
    Sessions of tables::SESSIONS;
    Stats of tables::CODES;
    Tables of [];
    Users of tables::USERS;
}

macro_rules! several_needs {
    ($($part:ident)+) => {
        /// Several needs at once.
        impl<$($part: Needs),+> Needs for ($($part,)+) {
            fn parameters() -> Vec<&'static Parameter> {
                [$($part::parameters()),+].concat()
            }

            async fn build(setup: &Setup) -> Result<Self, StartError> {
                Ok(($($part::build(setup).await?,)+))
            }

            #[expect(non_snake_case, reason = "each part under the name of its type")]
            fn gate(&self) -> Option<&Gate> {
                let ($($part,)+) = self;
                None$(.or_else(|| $part.gate()))+
            }
        }
    };
}

several_needs!(A B);
several_needs!(A B C);
several_needs!(A B C D);
several_needs!(A B C D E);
several_needs!(A B C D E F);
several_needs!(A B C D E F G);
