//! On what terms an invite code may be entered, and by whom.

use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;
use crate::domain::invite_code::InviteCode;
use crate::domain::user::{User, UserId};

/// Whose a code is, and on what terms it may be entered; as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Whose; nobody's once its owner is gone or has drawn another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// How often it may be entered in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// How often it was, where that is counted: with a limit, or drawn anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it was taken out of use.
    #[serde(default)]
    pub revoked: bool,
    /// Over how many items those who enter it are counted, where it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// What else counts as it, as it was given: codes of an earlier service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl Invite {
    /// Whether it may be entered now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let is_used_up = self.max_uses.is_some_and(|max| self.uses.unwrap_or(0) >= max);
        let is_over = self.expires_at.is_some_and(|end| end <= now);
        !self.revoked && !is_used_up && !is_over
    }
}

/// Why an invite code cannot be activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteRefusal {
    /// Another was, before.
    AlreadyActivated(InviteCode),
    /// It is one's own.
    Own,
    /// Nobody owns it, or it cannot be a code at all.
    Unknown,
}

/// What entering an invite code comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The same code was activated before: nothing is left to do.
    Repeated(InviteCode),
    /// This one can be activated.
    Activate(Entry),
}

/// A code that can be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub code: InviteCode,
    /// Whose it is.
    pub referrer: UserId,
    /// Whether its uses are counted.
    pub is_counted: bool,
    /// Over how many items those who enter it are counted.
    pub shards: u32,
}

/// Judges the code that `me` enters, in the order that the API promises. Whether
/// the two invited each other is for the transaction to find.
pub fn judge(
    me: &User,
    code: Option<InviteCode>,
    invite: Option<&Invite>,
    now: Timestamp,
) -> Result<Activation, InviteRefusal> {
    let owner = invite.and_then(|invite| invite.owner_id.as_ref());
    match (&me.activated_invite_code, code, invite) {
        (Some(before), Some(code), _) if *before == code => Ok(Activation::Repeated(code)),
        (Some(before), ..) => Err(InviteRefusal::AlreadyActivated(before.clone())),
        (None, Some(code), _) if code == me.invite_code || owner == Some(&me.id) => Err(InviteRefusal::Own),
        (None, Some(code), Some(invite)) if invite.is_open(now) => match owner {
            Some(owner) => Ok(Activation::Activate(Entry {
                code,
                referrer: owner.clone(),
                is_counted: invite.uses.is_some(),
                shards: invite.shards.unwrap_or(1),
            })),
            None => Err(InviteRefusal::Unknown),
        },
        _ => Err(InviteRefusal::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::phone::Phone;

    #[test]
    fn entry_forgives_case_and_look_alikes() {
        for typed in ["K1J0RW", "k1j0rw", "KIJORW", "klJoRw", " k1J0rw\n"] {
            assert_eq!(InviteCode::parse(typed).unwrap().as_str(), "K1J0RW", "{typed:?}");
        }
        for typed in ["", "K1J0R", "K1J0RWX", "K1J0RU", "K1J-RW", "К1J0RW", "K1 0RW", "K1J0R\u{0}"] {
            assert_eq!(InviteCode::parse(typed), None, "{typed:?}");
        }
        assert_eq!(InviteCode::parse(&"K".repeat(1_000_000)), None);
    }

    #[test]
    fn what_is_drawn_can_be_entered() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1_000 {
            let code = InviteCode::draw(&mut rng);
            assert_eq!(InviteCode::parse(code.as_str()), Some(code));
        }
    }

    #[test]
    fn a_code_is_judged_in_the_promised_order() {
        let code = |text| InviteCode::parse(text).unwrap();
        let phone = Phone::parse("+79000000001", "RU".parse().unwrap()).unwrap();
        let mut me = User::new(UserId("me".into()), phone, code("AAAAAA"), Timestamp::default());
        let now = Timestamp::from_millis(1_000);
        let of = |id: &str| Invite { owner_id: Some(UserId(id.into())), ..Invite::default() };
        let judge = |me: &User, code: Option<InviteCode>, invite: Option<Invite>| {
            judge(me, code, invite.as_ref(), now)
        };
        let activate = |is_counted| {
            Ok(Activation::Activate(Entry {
                code: code("BBBBBB"),
                referrer: UserId("friend".into()),
                is_counted,
                shards: 1,
            }))
        };
        let b = || Some(code("BBBBBB"));
        assert_eq!(judge(&me, b(), Some(of("friend"))), activate(false));
        assert_eq!(judge(&me, b(), None), Err(InviteRefusal::Unknown));
        assert_eq!(
            judge(&me, b(), Some(Invite::default())),
            Err(InviteRefusal::Unknown),
            "nobody's any more"
        );
        assert_eq!(judge(&me, None, None), Err(InviteRefusal::Unknown));
        assert_eq!(judge(&me, Some(code("AAAAAA")), Some(of("me"))), Err(InviteRefusal::Own));
        assert_eq!(judge(&me, b(), Some(of("me"))), Err(InviteRefusal::Own));

        let at = |millis| Some(Timestamp::from_millis(millis));
        let limited = |uses| Invite { max_uses: Some(2), uses: Some(uses), ..of("friend") };
        assert_eq!(judge(&me, b(), Some(limited(1))), activate(true));
        assert_eq!(judge(&me, b(), Some(limited(2))), Err(InviteRefusal::Unknown));
        assert_eq!(judge(&me, b(), Some(Invite { expires_at: at(1_001), ..of("friend") })), activate(false));
        assert_eq!(
            judge(&me, b(), Some(Invite { expires_at: at(1_000), ..of("friend") })),
            Err(InviteRefusal::Unknown)
        );
        assert_eq!(
            judge(&me, b(), Some(Invite { revoked: true, ..of("friend") })),
            Err(InviteRefusal::Unknown)
        );

        me.activated_invite_code = b();
        assert_eq!(judge(&me, b(), None), Ok(Activation::Repeated(code("BBBBBB"))));
        for other in [Some(code("AAAAAA")), Some(code("CCCCCC")), None] {
            assert_eq!(
                judge(&me, other, Some(of("friend"))),
                Err(InviteRefusal::AlreadyActivated(code("BBBBBB")))
            );
        }
    }
}
