//! What an instance has just seen, and need not look up again at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::base::world::Timestamp;

/// For how long something is taken for true, in milliseconds.
const LIFE: i64 = 1_000;

/// How many are kept at most.
const MOST: usize = 1_000;

/// What was seen in the last second, by key.
#[derive(Debug)]
pub struct Lately<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Lately<K, V> {
    /// What was seen in the last second.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(key).filter(|(at, _)| is_fresh(*at, now)).map(|(_, value)| value.clone())
    }

    /// Remembers what is seen now.
    pub fn see(&self, key: K, value: V, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, (at, _)| is_fresh(*at, now));
        }
        if seen.len() < MOST {
            seen.insert(key, (now, value));
        }
    }
}

const fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    let age = now.millis() - at.millis();
    0 <= age && age < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_true_for_a_second() {
        let at = Timestamp::from_millis;
        let lately = Lately::default();
        lately.see("a", 1, at(5_000));
        let get = |key, millis| lately.get(&key, at(millis));
        assert_eq!([get("a", 5_000), get("a", 5_999), get("b", 5_000)], [Some(1), Some(1), None]);
        assert_eq!([get("a", 6_000), get("a", 4_999)], [None, None]);
    }

    #[test]
    fn a_flood_of_keys_fills_no_memory() {
        let lately = Lately::default();
        for key in 0..5_000 {
            lately.see(key, (), Timestamp::from_millis(0));
        }
        assert_eq!(lately.0.lock().unwrap().len(), MOST);
        lately.see(5_000, (), Timestamp::from_millis(LIFE));
        assert_eq!(lately.0.lock().unwrap().len(), 1, "what is over makes room");
    }
}
