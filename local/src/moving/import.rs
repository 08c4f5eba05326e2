//! `latchkey import users.jsonl`: brings users in, without a text to anybody.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use latchkey::base::config::{self, Vars};
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, RefusedPart, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::avatar::AvatarId;
use latchkey::domain::invite::{Entry, Invite};
use latchkey::domain::invite_code::Alias;
use latchkey::domain::user::{REFERRAL_SHARDS, Role, User, UserId};
use latchkey::tables::referrals::{MANY, Referrals};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::folder::DataFolder;
use crate::moving::bulk::Bulk;
use crate::moving::line::UserLine;
use crate::moving::other::{Shape, lines};
use crate::moving::plan::{Bad, Candidate, Plan, Retired, Target, own_codes, unanswered};
use crate::moving::{Rooms, parameters, unreadable};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::stored::{engine_of, of_stack};

/// How many transactions are under way at once.
const AT_ONCE: usize = 64;

/// How long the first wait is where the tables do not answer; each is twice the one before.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a user is drawn up anew where something was taken meanwhile.
const TRIES: u32 = 8;

/// Whom to bring in, and where.
#[derive(Clone, Debug, Args)]
pub struct Import {
    /// The file: one JSON object a line, as docs/moving.md says
    file: PathBuf,
    /// How the file is written
    #[arg(long, value_enum, default_value_t = Shape::Jsonl)]
    from: Shape,
    /// A deployed stack, by your AWS credentials and region; without it, this machine's data
    #[arg(long)]
    stack: Option<String>,
    /// Say what it would come to, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring in the good lines where others are bad
    #[arg(long)]
    skip_bad: bool,
    /// How many users to bring into a stack a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

/// What an import came to, in words.
#[derive(Debug, Default)]
struct Told {
    there: usize,
    good: usize,
    referrals: usize,
}

/// Does it; what was done, in words.
///
/// # Errors
/// Also where lines are bad, with each of them, unless they are to be skipped.
pub async fn import(import: &Import, folder: &Path, vars: Vars) -> Result<String, StartError> {
    let file = File::open(&import.file).map_err(unreadable(&import.file))?;
    let vars = parameters(vars, import.stack.as_ref());
    if let Some(stack) = &import.stack {
        let setup = of_stack(stack, vars).await?;
        return bring_in(import, file, Arc::new(Rooms::new(&setup)?), Some(import.rate)).await;
    }
    let taken = DataFolder::take(folder)?;
    let bulk = Bulk::new(engine_of(&taken, &vars).await?, vars.text(config::USERS_TABLE));
    let setup = Setup::new(vars, World::real()).tables_through(bulk.http_client());
    let done = bring_in(import, file, Arc::new(Rooms::new(&setup)?), None).await;
    // Whatever was acknowledged is taken in, whether or not all was.
    bulk.finish().map_err(|error| StartError::new("the engine took not all of it", error))?;
    done
}

async fn bring_in(
    import: &Import,
    file: File,
    rooms: Arc<Rooms>,
    rate: Option<u32>,
) -> Result<String, StartError> {
    let (file, lines) = lines(file, import.from)?;
    let mut plan = Plan::read(file, lines.as_deref(), &rooms)?;
    {
        let progress = Progress::new("Looking them up", plan.users.len());
        plan.hold_against(&rooms, &progress).await?;
    }
    plan.bad.sort_by_key(|bad| bad.line);
    let told = Told::of(&plan);
    if import.dry_run || (!plan.bad.is_empty() && !import.skip_bad) {
        let words = told.words(&plan.bad, false);
        return if plan.bad.is_empty() {
            Ok(words)
        } else {
            Err(StartError::new("nothing was brought in", words))
        };
    }
    if told.good + told.referrals > 0 {
        let deed = Deed::of_all(Act::Imported).to(told.good.to_string());
        let recording = rooms.audit.entry(&Actor::command_line(), deed);
        let recording = Transaction::new(rooms.world.new_id()).recording((), [recording]);
        recording.commit(&rooms.tables, &rooms.world).await.map_err(unanswered)?;
    }
    let bad = std::mem::take(&mut plan.bad);
    Importer { plan, rooms }.run(rate).await?;
    Ok(told.words(&bad, true))
}

impl Told {
    fn of(plan: &Plan) -> Self {
        let good = || plan.users.iter().filter(|candidate| !plan.is_bad(candidate.place.line));
        Self {
            there: good().filter(|candidate| candidate.is_there).count(),
            good: good().filter(|candidate| !candidate.is_there).count(),
            referrals: good().filter(|candidate| candidate.referral.is_some()).count(),
        }
    }

    fn words(&self, bad: &[Bad], is_done: bool) -> String {
        let Self { there, good, referrals } = self;
        let done = if is_done { "brought in" } else { "that can be brought in" };
        let mut words = format!(
            "users {done}: {good}; there already: {there}; referrals: {referrals}; bad lines: {}",
            bad.len()
        );
        for Bad { line, reason } in bad {
            let _ = write!(words, "\nline {line}: {reason}");
        }
        words
    }
}

/// What brings in what was planned.
struct Importer {
    plan: Plan,
    rooms: Arc<Rooms>,
}

/// The parts of a transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Count,
    Else,
}

impl Importer {
    async fn run(self, rate: Option<u32>) -> Result<(), StartError> {
        let (steps, later) = self.plan.steps();
        let progress = Arc::new(Progress::new("Bringing them in", steps.iter().map(Vec::len).sum()));
        if let Some(since) = self.plan.since {
            self.rooms.keyset.reaches_back(since).await.map_err(unanswered)?;
        }
        self.keep_what_is_nobodys().await?;
        let later: HashSet<_> = later.into_iter().collect();
        let mut pace = Pace::new(rate);
        let this = Arc::new(self);
        for step in steps {
            let mut under_way = JoinSet::new();
            for nth in step {
                pace.next().await;
                if under_way.len() >= AT_ONCE
                    && let Some(done) = under_way.join_next().await
                {
                    joined(done)?;
                }
                let (this, progress, is_later) =
                    (Arc::clone(&this), Arc::clone(&progress), later.contains(&nth));
                under_way.spawn(async move {
                    this.bring_one(nth, is_later).await?;
                    progress.one_more();
                    Ok(())
                });
            }
            while let Some(done) = under_way.join_next().await {
                joined(done)?;
            }
        }
        for nth in later {
            pace.next().await;
            this.enter_code(&this.plan.users[nth]).await?;
        }
        Ok(())
    }

    /// Codes that are nobody's any more, and numbers that made an admin.
    async fn keep_what_is_nobodys(&self) -> Result<(), StartError> {
        let Rooms { users, invites, tables, world, .. } = &*self.rooms;
        for Retired { code, aliases, .. } in &self.plan.retired {
            let terms = Invite { aliases: given(aliases), ..Invite::default() };
            let mut keeping = Transaction::new(world.new_id()).with((), invites.issue(code, &terms));
            for (alias, _) in aliases {
                keeping = keeping.with((), invites.alias(alias, code));
            }
            // Refused where it is so already.
            keeping.commit(tables, world).await.map_err(unanswered)?;
        }
        for hash in &self.plan.made_admin {
            let remembering = Transaction::new(world.new_id()).with((), users.made_admin_by_hash(hash));
            remembering.commit(tables, world).await.map_err(unanswered)?;
        }
        Ok(())
    }

    /// Makes a user, with the referral unless that comes `later`; of one who is there, makes the
    /// referral.
    async fn bring_one(&self, nth: usize, is_later: bool) -> Result<(), StartError> {
        let candidate = &self.plan.users[nth];
        if candidate.is_there {
            return if is_later { Ok(()) } else { self.enter_code(candidate).await };
        }
        let line = self.plan.line(candidate.place)?;
        let target = candidate.referral.as_ref().filter(|_| !is_later);
        let mut entry = target.and_then(|target| self.entry(target));
        for tried in 0..TRIES {
            let refused = match self.make(candidate, &line, target, entry.as_ref()).await? {
                Ok(Committed::Done) => return Ok(()),
                Ok(Committed::Refused(refused)) => refused,
                // Too much at once, perhaps at one count: that passes.
                Err(_) if tried + 1 < TRIES => {
                    sleep(PATIENCE * 2_u32.pow(tried)).await;
                    continue;
                }
                Err(error) => return Err(unanswered(error)),
            };
            if self.spread_if_many(entry.as_mut(), &refused).await.map_err(unanswered)? {
                continue;
            }
            // One whose answer was lost is there.
            let owner = self.rooms.users.with_phone(&candidate.phone).await.map_err(unanswered)?;
            if owner.as_ref() == Some(&candidate.id) {
                return Ok(());
            }
            break;
        }
        Err(taken(candidate))
    }

    /// Makes a user, in one transaction; fails where the line cannot be read again.
    async fn make(
        &self,
        candidate: &Candidate,
        line: &UserLine,
        target: Option<&Target>,
        entry: Option<&Entry>,
    ) -> Result<Result<Committed<Part>, StoreError>, StartError> {
        let Rooms { users, invites, referrals, avatars, tables, world, .. } = &*self.rooms;
        let cannot = |what: String| {
            StartError::new(format!("line {} cannot be brought in", candidate.place.line), what)
        };
        let (created_at, code) = (line.created_at.map_or(world.now(), |at| at.0), &candidate.code);
        let mut user = User::new(candidate.id.clone(), candidate.phone.clone(), code.clone(), created_at);
        let profile = line.profile().map_err(cannot)?;
        (user.email, user.city, user.telegram_id) = (profile.email, profile.city, profile.telegram_id);
        let makes_admin = self.rooms.makes_admin(line, &user.phone).await.map_err(unanswered)?;
        user.role = if makes_admin { Role::Admin } else { line.role.unwrap_or_default() };
        user.status = line.status.unwrap_or_default();
        if candidate.referrals > MANY {
            user.referral_shards = REFERRAL_SHARDS;
        }
        let mut making = Transaction::new(world.new_id());
        if let Some(avatar) = &line.avatar {
            let (id, avatar) = avatar.read().map_err(cannot)?;
            let id = id.unwrap_or_else(|| AvatarId::draw(&mut *world.rng()));
            making = making.with(Part::Else, avatars.put(&user.id, &id, &avatar));
            user.avatar_id = Some(id);
        }
        if let Some(target) = target {
            user.activated_invite_code = Some(target.code().clone());
            user.referrer_id = target.id(&self.plan.users).cloned();
        }
        if let Some(entry) = entry {
            let at = line.activated_at.map_or(created_at, |at| at.0);
            making = making
                .with(Part::Else, referrals.link(&user, &entry.referrer, at))
                .with(Part::Count, referrals.count_one(entry));
        }
        let (_, aliases) = own_codes(line).map_err(cannot)?;
        let terms = terms(line, &user, &aliases);
        for (alias, _) in &aliases {
            making = making.with(Part::Else, invites.alias(alias, code));
        }
        if terms.uses.is_some() {
            making = making.with_all(Part::Else, referrals.count_uses(&user.id, None));
        }
        if line.made_admin || makes_admin {
            making = making.with(Part::Else, users.made_admin(&user.phone, false));
        }
        let is_plain = terms == Invite { owner_id: Some(user.id.clone()), ..Invite::default() };
        let claim = if is_plain { invites.claim(&user) } else { invites.issue(code, &terms) };
        making = making.with_all(Part::Else, users.insert(&user)).with(Part::Else, claim);
        Ok(making.commit(tables, world).await)
    }

    /// Makes the referral of somebody who is there.
    async fn enter_code(&self, candidate: &Candidate) -> Result<(), StartError> {
        let Rooms { users, referrals, tables, world, .. } = &*self.rooms;
        let Some(target) = &candidate.referral else { return Ok(()) };
        let line = self.plan.line(candidate.place)?;
        let mut entry = self.entry(target).ok_or_else(|| taken(candidate))?;
        for _ in 0..TRIES {
            let user = users.get(&candidate.id).await.map_err(unanswered)?.ok_or_else(|| taken(candidate))?;
            if user.activated_invite_code.as_ref() == Some(target.code()) {
                return Ok(());
            }
            let at = line.activated_at.map_or(user.created_at, |at| at.0);
            let entering = Transaction::new(world.new_id())
                .with(Part::Else, users.activate(&user, target.code(), &entry.referrer))
                .with(Part::Else, referrals.link(&user, &entry.referrer, at))
                .with(Part::Count, referrals.count_one(&entry));
            let refused = match entering.commit(tables, world).await.map_err(unanswered)? {
                Committed::Done => return Ok(()),
                Committed::Refused(refused) => refused,
            };
            if !self.spread_if_many(Some(&mut entry), &refused).await.map_err(unanswered)? {
                break;
            }
        }
        Err(taken(candidate))
    }

    /// Where nothing was refused but the count, as they are many by now: spreads it.
    async fn spread_if_many(
        &self,
        entry: Option<&mut Entry>,
        refused: &[(Part, RefusedPart)],
    ) -> Result<bool, StoreError> {
        let (Some(entry), [(Part::Count, count)]) = (entry, refused) else { return Ok(false) };
        if !Referrals::are_many(entry, count) {
            return Ok(false);
        }
        self.rooms.referrals.spread(entry).await?;
        entry.shards = REFERRAL_SHARDS;
        Ok(true)
    }

    /// What is counted of a referral. It is none of the uses of a limited code: those are as the
    /// file says.
    fn entry(&self, target: &Target) -> Option<Entry> {
        let referrer: UserId = target.id(&self.plan.users)?.clone();
        let shards = match target {
            Target::InFile(nth, _) if self.plan.users[*nth].referrals > MANY => REFERRAL_SHARDS,
            _ => 1,
        };
        Some(Entry { code: target.code().clone(), referrer, is_counted: true, shards })
    }
}

/// On what terms a line's code may be entered.
fn terms(line: &UserLine, user: &User, aliases: &[(Alias, String)]) -> Invite {
    let terms = line.invite.as_ref();
    Invite {
        owner_id: Some(user.id.clone()),
        max_uses: terms.and_then(|terms| terms.max_uses),
        uses: terms.and_then(|terms| terms.uses.or(terms.max_uses.map(|_| 0))),
        expires_at: terms.and_then(|terms| terms.expires_at).map(|at| at.0),
        revoked: terms.is_some_and(|terms| terms.revoked),
        shards: (user.referral_shards > 1).then_some(user.referral_shards),
        aliases: given(aliases),
    }
}

fn given(aliases: &[(Alias, String)]) -> Vec<String> {
    aliases.iter().map(|(_, given)| given.clone()).collect()
}

fn joined(done: Result<Result<(), StartError>, tokio::task::JoinError>) -> Result<(), StartError> {
    done.map_err(|error| StartError::new("the import broke off", error))?
}

fn taken(candidate: &Candidate) -> StartError {
    let what =
        format!("line {}: somebody else has taken its number or its code meanwhile", candidate.place.line);
    StartError::new("not all were brought in; run it again for the rest", what)
}
