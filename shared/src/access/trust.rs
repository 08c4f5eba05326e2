//! How far whoever asks is trusted: by the device that they ask from.

use crate::domain::device::Asker;

/// How far a request is trusted, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// A stranger's, who knows a number.
    None,
    /// That of a known device whose last texts nobody entered: a stranger's, to
    /// what all texts are bounded by.
    Idle,
    /// That of a known device.
    Full,
}

impl Trust {
    /// Whose register of a phone is asked.
    pub const fn asker(self) -> Asker {
        match self {
            Self::None => Asker::Stranger,
            Self::Idle | Self::Full => Asker::Known,
        }
    }
}
