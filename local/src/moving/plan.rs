//! What a file of users comes to: who is to be made, who is there already, and which lines
//! are bad, each with its reason.
//!
//! All lines are read first, then held against each other, then against the tables. What is
//! kept of a line is where it is and what others are held against: a few hundred bytes.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;

use futures_util::future::try_join_all;
use latchkey::base::error::StartError;
use latchkey::base::world::Timestamp;
use latchkey::cloud::error::StoreError;
use latchkey::domain::invite_code::{Alias, InviteCode, Typed};
use latchkey::domain::phone::Phone;
use latchkey::domain::user::{Role, User, UserId};
use uuid::Uuid;

use crate::moving::Rooms;
use crate::moving::line::{Line, Referrer, UserLine};
use crate::progress::Progress;

/// No user is older: before, nobody had a number that a text reaches.
const EARLIEST: Timestamp = Timestamp::from_millis(946_684_800_000);

/// How many lines are held against the tables at once.
const AT_ONCE: usize = 1_000;

/// A line that cannot be imported.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Its number, from 1.
    pub(super) line: u64,
    /// Why, without anybody's number.
    pub(super) reason: String,
}

/// Where a line is, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number in the file that was given, from 1.
    pub(super) line: u64,
    at: u64,
    length: usize,
}

/// A user of the file.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) phone: Phone,
    pub(super) id: UserId,
    /// The six characters that are the user's.
    pub(super) code: InviteCode,
    /// Whether the user is there already.
    pub(super) is_there: bool,
    /// The referral that is to be made.
    pub(super) referral: Option<Target>,
    /// How many referrals the user will have.
    pub(super) referrals: u32,
    /// The code that one who is there has entered, and whose it was.
    entered: Option<(InviteCode, Option<UserId>)>,
    is_code_given: bool,
    is_id_given: bool,
    aliases: Vec<Alias>,
    wanted: Wanted,
}

/// Whose code was entered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// That of a user of the file, by its place in the list.
    InFile(usize, InviteCode),
    /// That of a user who is there.
    There(UserId, InviteCode),
    /// That of somebody who is gone.
    Gone(InviteCode),
}

/// What a line says of its referral, before anybody was looked for.
#[derive(Debug, Default)]
struct Wanted {
    code: Option<String>,
    by: By,
}

#[derive(Debug, Default)]
enum By {
    #[default]
    Unsaid,
    Nobody,
    Phone(Phone),
    Id(UserId),
}

/// What is nobody's and stays so.
#[derive(Debug)]
pub(super) struct Retired {
    pub(super) code: InviteCode,
    pub(super) aliases: Aliases,
    line: u64,
}

/// What a file comes to.
pub(super) struct Plan {
    file: File,
    pub(super) users: Vec<Candidate>,
    pub(super) retired: Vec<Retired>,
    /// Hashes of numbers that made an admin.
    pub(super) made_admin: Vec<String>,
    pub(super) bad: Vec<Bad>,
    /// Since when there are users in it.
    pub(super) since: Option<Timestamp>,
    bad_lines: HashSet<u64>,
    phones: HashMap<Phone, usize>,
    ids: HashMap<UserId, usize>,
    codes: HashMap<InviteCode, u64>,
    owners: HashMap<InviteCode, usize>,
    aliases: HashMap<Alias, u64>,
    alias_owners: HashMap<Alias, usize>,
}

impl Plan {
    /// Reads a file, one object a line; `lines` are the numbers to tell, where they are others
    /// than the file's own.
    pub(super) fn read(file: File, lines: Option<&[u64]>, rooms: &Rooms) -> Result<Self, StartError> {
        let cannot = |error| StartError::new("the file cannot be read", error);
        let mut plan = Self {
            file: file.try_clone().map_err(cannot)?,
            users: Vec::new(),
            retired: Vec::new(),
            made_admin: Vec::new(),
            bad: Vec::new(),
            since: None,
            bad_lines: HashSet::new(),
            phones: HashMap::new(),
            ids: HashMap::new(),
            codes: HashMap::new(),
            owners: HashMap::new(),
            aliases: HashMap::new(),
            alias_owners: HashMap::new(),
        };
        let (mut reader, mut bytes, mut at) = (BufReader::new(file), Vec::new(), 0);
        for nth in 1.. {
            bytes.clear();
            let length = reader.read_until(b'\n', &mut bytes).map_err(cannot)?;
            if length == 0 {
                break;
            }
            let line = lines.and_then(|lines| lines.get(nth - 1).copied()).unwrap_or(nth as u64);
            let place = Place { line, at, length };
            at += length as u64;
            let taken = match std::str::from_utf8(&bytes).map(str::trim) {
                Ok("") => continue,
                Ok(text) => Line::read(text).and_then(|line| plan.take(line, place, rooms)),
                Err(_) => Err("it is no UTF-8".to_owned()),
            };
            if let Err(reason) = taken {
                plan.refuse(line, reason);
            }
        }
        Ok(plan)
    }

    /// A line once more.
    pub(super) fn line(&self, place: Place) -> Result<UserLine, StartError> {
        let cannot = |what: String| StartError::new("the file cannot be read again", what);
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.at).map_err(|error| cannot(error.to_string()))?;
        match Line::read(String::from_utf8_lossy(&bytes).trim()).map_err(cannot)? {
            Line::User(line) => Ok(*line),
            _ => Err(cannot("it has changed meanwhile".to_owned())),
        }
    }

    pub(super) fn is_bad(&self, line: u64) -> bool {
        self.bad_lines.contains(&line)
    }

    fn refuse(&mut self, line: u64, reason: impl Into<String>) {
        if self.bad_lines.insert(line) {
            self.bad.push(Bad { line, reason: reason.into() });
        }
    }

    fn take(&mut self, line: Line, place: Place, rooms: &Rooms) -> Result<(), String> {
        match line {
            Line::User(line) => self.take_user(&line, place, rooms),
            Line::Retired(line) => {
                let code = InviteCode::parse(&line.retired_invite_code);
                let code = code.filter(|code| code.as_str() == line.retired_invite_code);
                let code = code.ok_or("retired_invite_code is none of ours")?;
                let aliases = aliases(&line.aliases)?;
                self.claim(place.line, Some(&code), aliases.iter().map(|(alias, _)| alias))?;
                self.retired.push(Retired { code, aliases, line: place.line });
                Ok(())
            }
            Line::MadeAdmin(line) => {
                self.made_admin.push(line.made_admin_hash);
                Ok(())
            }
        }
    }

    fn take_user(&mut self, line: &UserLine, place: Place, rooms: &Rooms) -> Result<(), String> {
        let phone = rooms.phone(&line.phone)?;
        if let Some(before) = self.phones.get(&phone) {
            return Err(format!("its phone is that of line {}", self.users[*before].place.line));
        }
        if line.role.unwrap_or_default() != Role::User && rooms.is_tester(&phone) {
            return Err("a test number never gets a role".to_owned());
        }
        if let Some(id) = &line.id {
            Uuid::try_parse(&id.0).map_err(|_| "its id is no UUID")?;
            if let Some(before) = self.ids.get(id) {
                return Err(format!("its id is that of line {}", self.users[*before].place.line));
            }
        }
        line.profile()?;
        if let Some(avatar) = &line.avatar {
            avatar.check()?;
        }
        let created_at = line.created_at.map_or(rooms.now(), |at| at.0);
        let is_time = |at: Timestamp| (EARLIEST..=rooms.now().plus_seconds(86_400)).contains(&at);
        if !is_time(created_at) || line.activated_at.is_some_and(|at| !is_time(at.0)) {
            return Err("a time of it is before 2000 or to come".to_owned());
        }
        let (given, aliases) = own_codes(line)?;
        let wanted = Wanted::of(line, rooms)?;
        let is_own = match &wanted.by {
            By::Phone(of) => *of == phone,
            By::Id(of) => line.id.as_ref() == Some(of),
            By::Unsaid | By::Nobody => false,
        };
        if is_own {
            return Err("it names itself as its referrer".to_owned());
        }
        let aliases: Vec<_> = aliases.into_iter().map(|(alias, _)| alias).collect();
        self.claim(place.line, given.as_ref(), aliases.iter())?;

        let nth = self.users.len();
        let id = line.id.clone().unwrap_or_else(|| UserId(rooms.new_id()));
        if line.id.is_some() {
            self.ids.insert(id.clone(), nth);
        }
        if let Some(code) = &given {
            self.owners.insert(code.clone(), nth);
        }
        self.alias_owners.extend(aliases.iter().map(|alias| (alias.clone(), nth)));
        self.phones.insert(phone.clone(), nth);
        self.since = Some(self.since.map_or(created_at, |since| since.min(created_at)));
        let (is_code_given, is_id_given) = (given.is_some(), line.id.is_some());
        self.users.push(Candidate {
            place,
            phone,
            id,
            code: given.unwrap_or_else(|| rooms.draw()),
            is_there: false,
            entered: None,
            referral: None,
            referrals: 0,
            is_code_given,
            is_id_given,
            aliases,
            wanted,
        });
        Ok(())
    }

    /// That a line alone has these codes, of all of the file.
    fn claim<'a>(
        &mut self,
        line: u64,
        code: Option<&InviteCode>,
        aliases: impl Iterator<Item = &'a Alias> + Clone,
    ) -> Result<(), String> {
        let taken = code.and_then(|code| self.codes.get(code));
        let taken = taken.or_else(|| aliases.clone().find_map(|alias| self.aliases.get(alias)));
        if let Some(before) = taken {
            return Err(format!("one of its codes reads as one of line {before}"));
        }
        self.codes.extend(code.map(|code| (code.clone(), line)));
        for alias in aliases {
            if self.aliases.insert(alias.clone(), line).is_some_and(|before| before == line) {
                return Err("two of its codes read alike".to_owned());
            }
        }
        Ok(())
    }

    /// Holds all that is good so far against the tables, and finds everybody's referrer.
    pub(super) async fn hold_against(
        &mut self,
        rooms: &Rooms,
        progress: &Progress,
    ) -> Result<(), StartError> {
        for start in (0..self.users.len()).step_by(AT_ONCE) {
            let these = start..(start + AT_ONCE).min(self.users.len());
            let found = these.clone().map(|nth| self.look_up(nth, rooms));
            let found = try_join_all(found).await.map_err(unanswered)?;
            let mut drawn = Vec::new();
            for (nth, found) in these.zip(found) {
                match found {
                    Ok(Some(user)) => {
                        let candidate = &mut self.users[nth];
                        (candidate.id, candidate.code, candidate.is_there) =
                            (user.id, user.invite_code, true);
                        candidate.entered = user.activated_invite_code.map(|code| (code, user.referrer_id));
                    }
                    Ok(None) if self.users[nth].is_code_given => {}
                    Ok(None) => drawn.push(nth),
                    Err(reason) => self.refuse(self.users[nth].place.line, reason),
                }
            }
            self.draw_free(drawn, rooms).await?;
            progress.at(start);
        }
        for nth in 0..self.retired.len() {
            let Retired { code, line, .. } = &self.retired[nth];
            let (invite, line) = (rooms.invites.get(code).await.map_err(unanswered)?, *line);
            if invite.is_some_and(|invite| invite.owner_id.is_some()) {
                self.refuse(line, "its code is somebody's already");
            }
        }
        self.find_referrers(rooms).await?;
        self.refuse_what_follows_from_bad();
        self.count(rooms).await
    }

    /// What is there of a line: the user, if it is all that the line says.
    async fn look_up(&self, nth: usize, rooms: &Rooms) -> Result<Result<Option<User>, String>, StoreError> {
        let candidate = &self.users[nth];
        let user = rooms.user_of(&candidate.phone).await?;
        let of_others = async |code: &InviteCode| {
            let invite = rooms.invites.get(code).await?;
            let owner = invite.map(|invite| invite.owner_id);
            Ok::<_, StoreError>(owner.is_some_and(|owner| owner != user.as_ref().map(|user| user.id.clone())))
        };
        for alias in &candidate.aliases {
            if let Some(code) = rooms.invites.of_alias(alias).await?
                && user.as_ref().is_none_or(|user| user.invite_code != code)
            {
                return Ok(Err("one of its codes is another's already".to_owned()));
            }
        }
        if candidate.is_code_given && of_others(&candidate.code).await? {
            return Ok(Err("its invite code is another's already".to_owned()));
        }
        let Some(user) = user else {
            let is_taken = candidate.is_id_given && rooms.users.get(&candidate.id).await?.is_some();
            return Ok(if is_taken { Err("its id is another's already".to_owned()) } else { Ok(None) });
        };
        let line = self.line(candidate.place).map_err(|error| StoreError::Unavailable(error.into()))?;
        let is_same = is_same(candidate, &line, &user, rooms);
        Ok(if is_same { Ok(Some(user)) } else { Err("its phone has an account with other data".to_owned()) })
    }

    /// Drawn codes that neither the file nor the tables have.
    async fn draw_free(&mut self, mut these: Vec<usize>, rooms: &Rooms) -> Result<(), StartError> {
        while !these.is_empty() {
            let found = these.iter().map(|nth| rooms.invites.get(&self.users[*nth].code));
            let found = try_join_all(found).await.map_err(unanswered)?;
            let mut again = Vec::new();
            for (nth, found) in these.into_iter().zip(found) {
                let code = self.users[nth].code.clone();
                if found.is_none() && !self.codes.contains_key(&code) {
                    self.codes.insert(code, self.users[nth].place.line);
                } else {
                    self.users[nth].code = rooms.draw();
                    again.push(nth);
                }
            }
            these = again;
        }
        Ok(())
    }

    async fn find_referrers(&mut self, rooms: &Rooms) -> Result<(), StartError> {
        let good: Vec<_> =
            (0..self.users.len()).filter(|nth| !self.is_bad(self.users[*nth].place.line)).collect();
        for these in good.chunks(AT_ONCE) {
            let found = these.iter().map(|nth| self.find_referrer(*nth, rooms));
            for (nth, found) in these.iter().zip(try_join_all(found).await.map_err(unanswered)?) {
                match found {
                    Ok(target) => self.users[*nth].referral = target,
                    Err(reason) => self.refuse(self.users[*nth].place.line, reason),
                }
            }
        }
        for nth in 0..self.users.len() {
            let Some(Target::InFile(other, _)) = self.users[nth].referral else { continue };
            let back = &self.users[other].referral;
            if other < nth && matches!(back, Some(Target::InFile(back, _)) if *back == nth) {
                let before = self.users[other].place.line;
                self.refuse(self.users[nth].place.line, format!("it and line {before} invited each other"));
            }
        }
        Ok(())
    }

    /// Whose code a line entered; none where it entered none, or did so already.
    async fn find_referrer(
        &self,
        nth: usize,
        rooms: &Rooms,
    ) -> Result<Result<Option<Target>, String>, StoreError> {
        let candidate = &self.users[nth];
        let Wanted { code, by } = &candidate.wanted;
        let typed = code.as_deref().and_then(Typed::parse);
        let by_code = match typed.as_ref().zip(code.as_deref()) {
            Some((typed, entered)) => self.owner_of(typed, entered, rooms).await?,
            None => None,
        };
        let by_name = match by {
            By::Phone(phone) => match self.phones.get(phone) {
                Some(other) => Some(self.in_file(*other)),
                None => rooms.user_of(phone).await?.map(|user| Target::There(user.id, user.invite_code)),
            },
            By::Id(id) => match self.ids.get(id) {
                Some(other) => Some(self.in_file(*other)),
                None => rooms.users.get(id).await?.map(|user| Target::There(user.id, user.invite_code)),
            },
            By::Unsaid | By::Nobody => None,
        };
        let target = match (by, by_name, by_code, typed) {
            (By::Unsaid, _, None, _) | (By::Nobody, _, _, _) if code.is_none() => return Ok(Ok(None)),
            (By::Unsaid, _, Some(target), _) => target,
            // One of somebody who is gone, or has drawn another since.
            (By::Nobody, _, None, Some(Typed::Code(code))) => Target::Gone(code),
            (By::Phone(_) | By::Id(_), Some(target), None, Some(Typed::Code(code))) => target.with(code),
            (By::Phone(_) | By::Id(_), Some(target), None, None) if code.is_none() => target,
            (By::Phone(_) | By::Id(_), Some(target), Some(of_code), _) if target.is(&of_code) => of_code,
            (By::Phone(_) | By::Id(_), Some(_), Some(_), _) => {
                return Ok(Err("the code that it entered is not its referrer's".to_owned()));
            }
            _ => return Ok(Err("whose code it entered is not known".to_owned())),
        };
        if matches!(&target, Target::InFile(other, _) if *other == nth) {
            return Ok(Err("it names itself as its referrer".to_owned()));
        }
        Ok(match &candidate.entered {
            None => Ok(Some(target)),
            Some((code, referrer))
                if code == target.code()
                    && target.id(&self.users).is_none_or(|id| referrer.as_ref() == Some(id)) =>
            {
                Ok(None)
            }
            Some(_) => Err("its phone has an account that entered another code".to_owned()),
        })
    }

    fn in_file(&self, nth: usize) -> Target {
        Target::InFile(nth, self.users[nth].code.clone())
    }

    /// Who has a code that was `entered`: of the file, else of those who are there.
    async fn owner_of(
        &self,
        typed: &Typed,
        entered: &str,
        rooms: &Rooms,
    ) -> Result<Option<Target>, StoreError> {
        let in_file = match typed {
            Typed::Code(code) => self.owners.get(code),
            Typed::Alias(alias) => self.alias_owners.get(alias),
        };
        if let Some(nth) = in_file {
            return Ok(Some(self.in_file(*nth)));
        }
        let found = rooms.invites.find(entered).await?;
        let owner = found.invite.and_then(|invite| invite.owner_id);
        Ok(owner.zip(found.code).map(|(owner, code)| Target::There(owner, code)))
    }

    /// Whoever was invited by somebody of a bad line is one, too.
    fn refuse_what_follows_from_bad(&mut self) {
        loop {
            let of_bad = |candidate: &Candidate| match &candidate.referral {
                Some(Target::InFile(other, _)) => {
                    let line = self.users[*other].place.line;
                    (self.is_bad(line) && !self.is_bad(candidate.place.line))
                        .then_some((candidate.place.line, line))
                }
                _ => None,
            };
            let found: Vec<_> = self.users.iter().filter_map(of_bad).collect();
            if found.is_empty() {
                return;
            }
            for (line, other) in found {
                self.refuse(line, format!("its referrer is that of line {other}, which is bad"));
            }
        }
    }

    /// How many referrals each will have.
    async fn count(&mut self, rooms: &Rooms) -> Result<(), StartError> {
        for nth in 0..self.users.len() {
            if self.is_bad(self.users[nth].place.line) {
                continue;
            }
            if let Some(Target::InFile(other, _)) = self.users[nth].referral {
                self.users[other].referrals += 1;
            }
        }
        for candidate in
            self.users.iter_mut().filter(|candidate| candidate.is_there && candidate.referrals > 0)
        {
            let before = rooms.referrals.shards(&candidate.id).await.map_err(unanswered)?.sum();
            candidate.referrals += u32::try_from(before).unwrap_or(u32::MAX / 2);
        }
        Ok(())
    }

    /// The good ones that something is left to do for, in steps: whoever is in one was invited by
    /// those of steps before. Where people invited each other in a circle, one of them is made
    /// without the referral, which is the last step of all: those are the second list.
    pub(super) fn steps(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut invited: HashMap<usize, Vec<usize>> = HashMap::new();
        let (mut step, mut waiting) = (Vec::new(), Vec::new());
        for (nth, candidate) in self.users.iter().enumerate() {
            if self.is_bad(candidate.place.line) {
                continue;
            }
            match candidate.referral {
                Some(Target::InFile(other, _)) if !self.users[other].is_there => {
                    invited.entry(other).or_default().push(nth);
                    waiting.push(nth);
                }
                _ => step.push(nth),
            }
        }
        let (mut steps, mut later) = (Vec::new(), Vec::new());
        let (mut done, mut waiting) = (HashSet::new(), waiting.into_iter());
        loop {
            while !step.is_empty() {
                done.extend(step.iter().copied());
                let next = step.iter().flat_map(|nth| invited.remove(nth).unwrap_or_default());
                let next = next.filter(|nth| !done.contains(nth)).collect();
                let needed = |nth: &usize| !self.users[*nth].is_there || self.users[*nth].referral.is_some();
                steps.push(std::mem::replace(&mut step, next).into_iter().filter(needed).collect());
            }
            let Some(of_circle) = waiting.by_ref().find(|nth| !done.contains(nth)) else { break };
            later.push(of_circle);
            step.push(of_circle);
        }
        (steps, later)
    }
}

impl Target {
    /// The code that was entered.
    pub(super) const fn code(&self) -> &InviteCode {
        match self {
            Self::InFile(_, code) | Self::There(_, code) | Self::Gone(code) => code,
        }
    }

    /// Whose it is; nobody's who is gone.
    pub(super) fn id<'a>(&'a self, users: &'a [Candidate]) -> Option<&'a UserId> {
        match self {
            Self::InFile(nth, _) => Some(&users[*nth].id),
            Self::There(id, _) => Some(id),
            Self::Gone(_) => None,
        }
    }

    fn with(self, code: InviteCode) -> Self {
        match self {
            Self::InFile(nth, _) => Self::InFile(nth, code),
            Self::There(id, _) => Self::There(id, code),
            Self::Gone(_) => Self::Gone(code),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::InFile(one, _), Self::InFile(other, _)) => one == other,
            (Self::There(one, _), Self::There(other, _)) => one == other,
            _ => false,
        }
    }
}

impl Wanted {
    fn of(line: &UserLine, rooms: &Rooms) -> Result<Self, String> {
        let by = match &line.referrer {
            None => By::Unsaid,
            Some(None) => By::Nobody,
            Some(Some(Referrer::Person { id: Some(id), .. })) => By::Id(id.clone()),
            Some(Some(Referrer::Phone(phone) | Referrer::Person { phone: Some(phone), .. })) => {
                By::Phone(named(phone, rooms)?)
            }
            Some(Some(Referrer::Person { .. })) => {
                return Err("its referrer has neither id nor phone".to_owned());
            }
        };
        Ok(Self { code: line.activated_invite_code.clone().filter(|code| !code.is_empty()), by })
    }
}

fn named(phone: &str, rooms: &Rooms) -> Result<Phone, String> {
    rooms.phone(phone).map_err(|_| "its referrer's phone is no number".to_owned())
}

/// Aliases, each with the way it was given.
type Aliases = Vec<(Alias, String)>;

/// The code of ours that is a line's own, and its aliases.
pub(super) fn own_codes(line: &UserLine) -> Result<(Option<InviteCode>, Aliases), String> {
    let mut aliases = aliases(&line.aliases)?;
    let given = line.invite_code.as_deref().filter(|code| !code.is_empty());
    let code = match given.map(|given| (Typed::parse(given), given)) {
        None => None,
        Some((Some(Typed::Code(code)), _)) => Some(code),
        Some((Some(Typed::Alias(alias)), given)) => {
            aliases.insert(0, (alias, given.to_owned()));
            None
        }
        Some((None, _)) => return Err("its invite code has not 4 to 32 letters and digits".to_owned()),
    };
    Ok((code, aliases))
}

fn aliases(given: &[String]) -> Result<Aliases, String> {
    let read = |given: &String| match Typed::parse(given) {
        Some(Typed::Alias(alias)) => Ok((alias, given.clone())),
        Some(Typed::Code(_)) => Err("an alias of it is a code of its own".to_owned()),
        None => Err("an alias of it has not 4 to 32 letters and digits".to_owned()),
    };
    given.iter().map(read).collect()
}

/// That the tables do not answer.
pub(super) fn unanswered(error: StoreError) -> StartError {
    StartError::new("the tables do not answer", error)
}

/// Whether a user is what a line says, but for the referral.
fn is_same(candidate: &Candidate, line: &UserLine, user: &User, rooms: &Rooms) -> bool {
    let profile = line.profile().unwrap_or_default();
    let is_own = !candidate.is_code_given || candidate.code == user.invite_code;
    let avatar = line.avatar.as_ref().and_then(|avatar| avatar.id.as_deref());
    is_own
        && (!candidate.is_id_given || candidate.id == user.id)
        && line.created_at.is_none_or(|at| at.0 == user.created_at)
        && profile.email == user.email
        && profile.city == user.city
        && profile.telegram_id == user.telegram_id
        && rooms.is_role(line, user)
        && line.status.unwrap_or_default() == user.status
        && avatar.is_none_or(|id| user.avatar_id.as_ref().is_some_and(|of| of.as_str() == id))
}
