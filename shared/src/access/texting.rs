//! Asking for a text with a code: all that bounds it, in one wave.

use std::sync::Arc;

use crate::access::gate::Gate;
use crate::access::limits;
use crate::access::limits::{
    AddressAllowance, Admission, CodeAllowance, FreshProof, KeyClaim, Limit, ListedDevice, Passed,
    PlaceAllowance, TextAllowance,
};
use crate::access::trust::Trust;
use crate::base::afterwards::Afterwards;
use crate::base::config::{BadParameter, Parameter, Vars};
use crate::base::error::{Chain, StartError};
use crate::base::hidden::Hidden;
use crate::base::metrics::{Metric, count};
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::domain::bearer::Bearer;
use crate::domain::code::Purpose;
use crate::domain::credit::Means;
use crate::domain::device_token::DeviceToken;
use crate::domain::fate::Why;
use crate::domain::limits::{LimitMet, LimitOf, Share, Window};
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::phone_lists::TestPhone;
use crate::domain::proof_of_work::{ProofId, Proofs};
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::http::proxy::Proxy;
use crate::settings;
use crate::tables;
use crate::tables::codes::{Codes, Issued, Live, Wanted};
use crate::tables::counters::Counters;
use crate::tables::day_texts::{DayTexts, Kind};
use crate::tables::guard::Guard;
use crate::tables::idempotency::{Idempotency, IdempotencyKey, Remembered};
use crate::tables::proofs::SpentProofs;
use crate::tables::users::Users;

/// What bounds texts with codes.
pub struct Texting {
    codes: Arc<Codes>,
    users: Users,
    counters: Counters,
    texts: DayTexts,
    guard: Guard,
    spent_proofs: SpentProofs,
    idempotency: Idempotency,
    proofs: Proofs,
    pepper: Pepper,
    per_address: Window,
    afterwards: Arc<Afterwards>,
    world: Arc<World>,
}

/// Whose phone is to be texted, and who asks.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The phone.
    pub phone: &'a Phone,
    /// Its fixed code, which is not texted, if it is a test number.
    pub tester: Option<&'a TestPhone>,
    /// Who is to prove the phone for an account; `None` for whoever signs in.
    pub bearer: Option<&'a Bearer>,
    /// From where.
    pub context: &'a Context,
}

/// What came with a request for a code.
#[derive(Clone, Copy)]
pub struct Brought<'a> {
    /// What names the request.
    pub key: Option<&'a IdempotencyKey>,
    /// What a device is known by.
    pub device_token: Option<&'a Hidden<String>>,
    /// A proof of work.
    pub proof: Option<&'a Hidden<String>>,
}

/// A request for a code, read and not yet bounded.
pub struct Request<'a> {
    texting: &'a Texting,
    gate: &'a Gate,
    ask: Ask<'a>,
    purpose: Purpose,
    key: Option<Remembered>,
    /// Name the request: its key, under each entry of the pepper, else its proof.
    names: Vec<String>,
    device: Option<DeviceToken>,
    proof: Option<ProofId>,
    address: String,
}

/// How a request for a code got past what bounds it.
pub enum Way<'a> {
    /// A code is live, and to be sent.
    Issued(Box<Ticket<'a>>),
    /// The same request was answered before, so.
    Repeated(Live),
}

/// A code that is live, and what was taken for it.
pub struct Ticket<'a> {
    /// The code.
    pub issued: Issued,
    limits: Limits<'a>,
}

/// All that bounds one request.
struct Limits<'a> {
    admission: Admission<'a>,
    key: KeyClaim<'a>,
    device: ListedDevice<'a>,
    proof: FreshProof<'a>,
    code: CodeAllowance<'a>,
    address: AddressAllowance<'a>,
    text: TextAllowance<'a>,
    place: PlaceAllowance<'a>,
}

impl Limits<'_> {
    fn all(&self) -> [&dyn Limit; 8] {
        let Self { admission, key, device, proof, code, address, text, place } = self;
        [admission, key, device, proof, code, address, text, place]
    }
}

impl Texting {
    /// The parameters that [`Texting::new`] reads.
    pub const PARAMETERS: &[&[&[&Parameter]]] = &[
        Codes::PARAMETERS,
        DayTexts::PARAMETERS,
        Guard::PARAMETERS,
        &[tables::USERS, settings::PROOFS, &Proxy::PARAMETERS],
    ];

    /// Whether its parameters are good.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(vars: &Vars) -> Result<(), BadParameter> {
        settings::code_limits(vars)?;
        settings::crowd_limits(vars)?;
        settings::credit(vars)?;
        settings::proof_cost(vars)?;
        Ok(())
    }

    /// That of the deployment.
    pub fn new(setup: &Setup, pepper: &Pepper) -> Result<Self, StartError> {
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            users: Users::new(setup),
            counters: Counters::new(setup),
            texts: DayTexts::new(setup)?,
            guard: Guard::new(setup)?,
            spent_proofs: SpentProofs::new(setup),
            idempotency: Idempotency::new(setup, pepper.clone(), codes.limits().ttl),
            proofs: Proofs::new(pepper.clone(), settings::proof_cost(&setup.vars)?),
            pepper: pepper.clone(),
            per_address: settings::crowd_limits(&setup.vars)?.codes_per_address,
            afterwards: Arc::clone(&setup.afterwards),
            world: Arc::clone(&setup.world),
            codes: Arc::new(codes),
        })
    }

    /// How many digits a code has that is drawn.
    pub fn code_length(&self) -> u32 {
        self.codes.limits().length
    }

    /// Reads what came with a request: what is of no use here is as nothing.
    pub fn request<'a>(&'a self, gate: &'a Gate, ask: Ask<'a>, brought: Brought<'_>) -> Request<'a> {
        let Ask { phone, tester, bearer, context } = ask;
        let now = self.world.now();
        let caller = bearer.map(|bearer| &bearer.user_id);
        let key = brought.key.map(|key| self.idempotency.of("code", caller, key));
        let device = brought.device_token.filter(|_| tester.is_none() && bearer.is_none());
        let proof = brought.proof.filter(|_| tester.is_none() && self.guard.is_on());
        let proof = proof.and_then(|proof| self.proofs.check(phone, &proof.0, now));
        let purpose = caller.map_or(Purpose::SignIn, |id| Purpose::ChangePhone(id.clone()));
        let names = match (&key, &proof) {
            (Some(key), _) => key.digests().map(str::to_owned).collect(),
            (None, Some(proof)) => vec![format!("proof {} {purpose}", proof.as_str())],
            (None, None) => Vec::new(),
        };
        Request {
            texting: self,
            gate,
            ask,
            purpose,
            key,
            names,
            device: device.and_then(|token| DeviceToken::parse(&token.0, phone, now, &self.pepper)),
            proof,
            address: format!("codes#{}", self.pepper.first().key("address", &context.counted_ip())),
        }
    }
}

impl Request<'_> {
    /// Takes of all that bounds the request, and makes a code live. One from a device
    /// that only says to be known is asked anew, as a stranger's.
    ///
    /// # Errors
    /// What stands in the way; then nothing stays taken.
    pub async fn pass(&self) -> Result<Way<'_>, Problem> {
        let mut trust = if self.device.is_some() { Trust::Full } else { Trust::None };
        loop {
            let limits = self.limits(trust);
            return match limits::take(&limits.all(), self.texting.world.now()).await? {
                Passed::Less(less) => {
                    trust = less;
                    continue;
                }
                Passed::StepUp => Err(self.step_up()),
                Passed::Granted => {
                    let issued = limits.code.issued().cloned().ok_or(Code::Unavailable)?;
                    if self.means(trust) == Some(Means::Proof) {
                        count(Metric::ProofsTaken);
                    }
                    Ok(Way::Issued(Box::new(Ticket { issued, limits })))
                }
                Passed::Repeated => {
                    limits.code.repeated().cloned().map(Way::Repeated).ok_or_else(|| Code::Unavailable.into())
                }
            };
        }
    }

    fn limits(&self, trust: Trust) -> Limits<'_> {
        let Self { texting, gate, ask, key, device, proof, .. } = self;
        let Ask { phone, tester, bearer, .. } = *ask;
        let (now, is_texted, means) = (texting.world.now(), tester.is_none(), self.means(trust));
        let wanted = Wanted { purpose: self.purpose.clone(), request: &self.names, means };
        let share = match means {
            Some(Means::Request) => Share::Stranger,
            Some(Means::Proof) => Share::Proof,
            None => Share::Known,
        };
        let is_counted = is_texted && trust == Trust::None;
        let (watched, means) = (means.map(|_| phone), means.unwrap_or(Means::Request));
        Limits {
            admission: Admission::new(gate, bearer),
            key: KeyClaim::new(&texting.idempotency, key.as_ref()),
            device: ListedDevice::new(&texting.users, device.as_ref().filter(|_| trust > Trust::None), phone),
            proof: FreshProof::new(
                &texting.spent_proofs,
                proof.as_ref().filter(|_| means == Means::Proof && watched.is_some()),
            ),
            code: CodeAllowance::new(&texting.codes, trust, phone, tester, wanted),
            address: AddressAllowance::new(
                &texting.counters,
                self.address.clone(),
                texting.per_address.only_if(is_counted),
            ),
            text: TextAllowance::new(&texting.texts, is_texted.then_some(share), Kind::Code, now),
            place: PlaceAllowance::new(&texting.guard, watched, means),
        }
    }

    /// By what the text is taken from its places; `None` where none is: without a
    /// text, and for known devices.
    fn means(&self, trust: Trust) -> Option<Means> {
        let is_watched = self.ask.tester.is_none() && trust < Trust::Full;
        is_watched.then_some(if self.proof.is_some() { Means::Proof } else { Means::Request })
    }

    /// What a proof is asked for with; nobody is asked for one that the day has no
    /// text for.
    fn step_up(&self) -> Problem {
        let Texting { texts, proofs, world, .. } = self.texting;
        let (now, seen) = (world.now(), texts.seen());
        if texts.ceiling().take(seen, Share::Proof).is_none() {
            let (_, until) = texts.ceiling().all.of_clock(now);
            return Problem::limited(LimitMet { of: LimitOf::Day, until }, now);
        }
        let hardness = texts.ceiling().hardness(seen);
        Problem::proof_required(&proofs.challenge(self.ask.phone, hardness, now, &mut *world.rng()))
    }

    /// Remembers that the text of a code was handed over, where the request may be
    /// repeated: after the answer. A repetition that comes before is told that it is
    /// not known.
    pub async fn handed_over(&self, issued: &Issued) {
        if self.names.is_empty() {
            return;
        }
        let (codes, issued) = (Arc::clone(&self.texting.codes), issued.clone());
        let remember = async move {
            if let Err(error) = codes.handed_over(&issued).await {
                tracing::warn!(cause = %Chain(&error), "it was not remembered that a text was handed over");
            }
        };
        self.texting.afterwards.run(remember).await;
    }
}

impl Ticket<'_> {
    /// Gives back what was taken for a text that did not leave.
    pub async fn give_back(&self, why: Why) {
        self.limits.code.refused(why);
        limits::give_back(&self.limits.all()).await;
    }
}
