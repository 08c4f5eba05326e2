//! Device tokens: what only a device that has signed in has.

use crate::base::world::Timestamp;
use crate::domain::device::DeviceId;
use crate::domain::limits::DAY;
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::user::UserId;

/// What every device token begins with, so that scanners of logs and repositories
/// can tell one.
const PREFIX: &str = "lkd";

/// How long a device token is good for, in seconds.
const LIFE: i64 = 400 * DAY;

/// How far the clocks of two instances may be apart, in seconds.
const LEEWAY: i64 = 60;

/// A device token that was checked to be one of ours, and of the phone that it came
/// with. Whether its user still lists the device is for the user's item to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceToken {
    /// Whose.
    pub user_id: UserId,
    /// Which of the user's devices.
    pub device_id: DeviceId,
}

/// The token of a device of the user who has `phone`: `lkd.<user>.<device>.<when,
/// in seconds>.<entry of the pepper secret>.<secret>`, below 200 characters.
pub fn mint(user: &UserId, device: &DeviceId, phone: &Phone, now: Timestamp, pepper: &Pepper) -> String {
    let (entry, at) = (pepper.first(), now.seconds().to_string());
    let secret = entry.device_secret(user, device, phone, &at);
    format!("{PREFIX}.{user}.{}.{at}.{}.{secret}", device.as_str(), entry.id())
}

impl DeviceToken {
    /// Reads a token that came with `phone`, and checks its secret, in constant
    /// time, and its age. `None` for one that is garbled, foreign, of another phone
    /// or expired: whoever sent it is a stranger.
    pub fn parse(text: &str, phone: &Phone, now: Timestamp, pepper: &Pepper) -> Option<Self> {
        let mut parts = text.split('.');
        let [prefix, user_id, device_id, at, entry, secret] =
            std::array::from_fn(|_| parts.next().unwrap_or_default());
        if prefix != PREFIX || parts.next().is_some() {
            return None;
        }
        let age = now.seconds().checked_sub(at.parse().ok()?)?;
        let token = Self { user_id: UserId(user_id.to_owned()), device_id: DeviceId::of_token(device_id) };
        let is_ours =
            pepper.entry(entry)?.is_device_secret(secret, &token.user_id, &token.device_id, phone, at);
        (is_ours && (-LEEWAY..LIFE).contains(&age)).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::secret::Secret;

    fn pepper(words: &str) -> Pepper {
        let entries: Vec<_> = words.split(',').map(|word| format!("{word}-0123456789abcdef")).collect();
        Pepper::new(&Secret::parse(&entries.join(",")).unwrap())
    }

    fn phone(text: &str) -> Phone {
        Phone::parse(text, "RU".parse().unwrap()).unwrap()
    }

    fn device(seed: u64) -> DeviceId {
        DeviceId::draw(Timestamp::from_millis(0), &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_token_is_good_for_its_phone_for_400_days() {
        let (user, alice, now) =
            (UserId("u".to_owned()), phone("+79000000001"), Timestamp::from_millis(1_000_000));
        let token = mint(&user, &device(1), &alice, now, &pepper("one"));
        let read = |phone: &Phone, after: i64, words: &str| {
            DeviceToken::parse(&token, phone, now.plus_seconds(after), &pepper(words))
        };
        assert_eq!(read(&alice, 0, "one").unwrap().device_id, device(1));
        assert!(read(&alice, LIFE - 1, "two,one").is_some(), "in a rotation, too");
        assert!(read(&alice, -60, "one").is_some() && read(&alice, -61, "one").is_none());
        assert_eq!(read(&alice, LIFE, "one"), None);
        assert_eq!(read(&alice, 0, "two"), None);
        assert_eq!(read(&phone("+79000000002"), 0, "one"), None);
        let long = UserId("01a1fbdf-98a0-7c0b-bce7-48148979ccac".to_owned());
        assert!(
            mint(&long, &device(1), &alice, Timestamp::from_millis(1_795_224_352_000), &pepper("one")).len()
                < 200
        );
    }

    #[test]
    fn nothing_in_a_token_can_be_changed() {
        let (alice, now) = (phone("+79000000001"), Timestamp::from_millis(1_795_224_352_000));
        let token = mint(&UserId("user".to_owned()), &device(1), &alice, now, &pepper("one"));
        let parse = |text: &str| DeviceToken::parse(text, &alice, now, &pepper("one"));
        assert!(parse(&token).is_some());
        for (from, to) in [("lkd", "lkr"), ("user", "usor"), ("1795224352", "1795224353")] {
            assert_eq!(parse(&token.replacen(from, to, 1)), None, "{from}");
        }
        for bad in [
            "",
            ".",
            "lkd.....",
            "lkd.a.b.99999999999999999999.d.e",
            &token[..token.len() - 1],
            &format!("{token}."),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
