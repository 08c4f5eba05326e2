//! Everything that somebody may do.

/// Which code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// That of the last text.
    Right,
    /// That of the text before.
    Before,
    /// Another.
    Wrong,
}

/// Which invite code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invite {
    /// Of this person.
    Of(u8),
    /// Of nobody.
    Unknown,
    /// No invite code at all.
    Nonsense,
}

/// What ends when somebody signs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Local,
    Others,
    Global,
}

/// What an admin does to an invite code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    MaxUses(u8),
    Unlimited,
    EndsSoon,
    EndsAtTheEndOfTime,
    Revoked(bool),
    Redraw,
}

/// What is changed in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    City(u8),
    NoCity,
    Email(u8),
    Telegram(u8),
    OwnRole,
}

/// What is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Small,
    Noisy,
    Broken,
}

/// What somebody does at the moment at which they sign in on another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    Move { phone: u8 },
    Delete,
    SignOut,
    EnterInvite { of: u8 },
}

/// What an admin does at the moment at which everybody enters an invite code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Limits it.
    Limit(u8),
    /// Deletes whose it is.
    Owner,
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    First,
    Next,
    Nonsense,
    Long,
}

/// One thing that somebody does. Phones and people are numbers; what is not there
/// makes it nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Asks for a code, waits for the text, enters the code: as an app does.
    SignIn {
        phone: u8,
        invite: Option<Invite>,
    },
    /// Asks for a code.
    Ask {
        phone: u8,
        keyed: bool,
    },
    /// Enters a code.
    Enter {
        phone: u8,
        guess: Guess,
        invite: Option<Invite>,
        keyed: bool,
        challenge: bool,
    },
    /// Enters a code many times at once.
    Flood {
        phone: u8,
        times: u8,
        right: bool,
    },
    /// Sends a request with a key that was used before: the same, or another body.
    Repeat {
        by: u8,
        other_body: bool,
    },
    /// Sends another body under a key at the moment at which the key is forgotten.
    RepeatLate {
        by: u8,
    },
    /// Trades a refresh token: the newest, or one of before.
    Refresh {
        back: u8,
        twice: bool,
        /// The app is killed before it has the answer: it keeps what it had.
        killed: bool,
    },
    SignOut {
        scope: Scope,
        by_refresh: Option<u8>,
    },
    /// Asks for a code that proves another phone.
    AskMove {
        phone: u8,
    },
    /// Moves the account to another phone.
    Move {
        phone: u8,
        guess: Guess,
    },
    /// Both, as an app does.
    MoveWhole {
        phone: u8,
    },
    /// Signs in on another device and does something else at once.
    Meet {
        meeting: Meeting,
        after: u8,
    },
    /// Everybody enters one invite code at once, and so does somebody new, while an
    /// admin puts an end to that.
    Rush {
        of: u8,
        end: End,
    },
    Delete {
        whom: u8,
    },
    EnterInvite {
        invite: Invite,
    },
    Manage {
        whom: u8,
        terms: Terms,
    },
    SetRole {
        whom: u8,
        role: u8,
    },
    SetStatus {
        whom: u8,
        banned: bool,
    },
    Change {
        field: Field,
    },
    Upload {
        picture: Picture,
    },
    RemoveAvatar,
    SeeAvatar {
        of: u8,
    },
    See {
        whom: u8,
    },
    Export {
        page: Page,
    },
    SeeSessions {
        whom: u8,
    },
    Revoke {
        whom: u8,
        nth: u8,
    },
    /// Adds a passkey, as an app does.
    AddPasskey,
    /// Signs in with the last passkey but `back`; or says to, without having it.
    EnterPasskey {
        back: u8,
        invite: Option<Invite>,
        keyed: bool,
        forged: bool,
    },
    /// Removes a passkey at the moment of a sign-in with it.
    MeetPasskey {
        back: u8,
        after: u8,
    },
    SeePasskeys {
        whom: u8,
    },
    NamePasskey {
        back: u8,
    },
    RemovePasskey {
        whom: u8,
        back: u8,
    },
    SeeReferrals {
        whom: u8,
        page: Page,
    },
    List {
        by: u8,
        page: Page,
    },
    SeeStats {
        days: u8,
    },
    /// Looks where texts are short.
    SeeGuard {
        page: Page,
    },
    /// Begins to move somebody's account to another phone.
    Recover {
        whom: u8,
        phone: u8,
    },
    SeeRecovery {
        whom: u8,
    },
    StopRecovery {
        whom: u8,
    },
    /// Reads the audit trail: all of it, or what is found by `by`.
    SeeAudit {
        by: u8,
        page: Page,
    },
    /// Opens a place: the block, the range or the country of everybody, or none.
    OpenPlace {
        which: u8,
    },
    /// Looks up what is known of a phone.
    LookUp {
        phone: u8,
    },
    /// Lifts what holds a phone up.
    Lift {
        phone: u8,
    },
    Fetch {
        nth: u8,
    },
    /// An instance dies between two of its requests to a table.
    Crash {
        instance: u8,
    },
    /// The next step of rotating both secrets, in one instance after the other;
    /// meanwhile a code is entered several times at once, and one is asked for.
    Rotate {
        phone: u8,
    },
}

impl Action {
    /// The person whose account it is about, where that may be another's.
    pub(crate) fn whom(self) -> Option<u8> {
        match self {
            Self::Delete { whom }
            | Self::Manage { whom, .. }
            | Self::SetRole { whom, .. }
            | Self::SetStatus { whom, .. }
            | Self::See { whom }
            | Self::SeeSessions { whom }
            | Self::Revoke { whom, .. }
            | Self::SeePasskeys { whom }
            | Self::RemovePasskey { whom, .. }
            | Self::SeeReferrals { whom, .. }
            | Self::Recover { whom, .. }
            | Self::SeeRecovery { whom }
            | Self::StopRecovery { whom } => Some(whom),
            _ => None,
        }
    }
}
