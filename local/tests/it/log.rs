//! The log of a test: one subscriber for the whole process, since scoped ones of
//! one thread can be overlooked when another is the first to reach an event. It
//! keeps what is logged on threads that asked for it.

use std::cell::RefCell;
use std::io::Write;
use std::sync::OnceLock;

use latchkey::base::telemetry;
use latchkey::base::world::World;
use latchkey::endpoint::declaration::Declaration;
use serde_json::Value;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        KEPT.with_borrow_mut(|kept| kept.iter_mut().for_each(|kept| kept.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Keeper;

impl<'a> MakeWriter<'a> for Keeper {
    type Writer = Keep;

    fn make_writer(&'a self) -> Keep {
        Keep
    }
}

/// Keeps what is logged on this thread from now on: all that our own code says,
/// and what the SDK says by default.
pub(crate) fn keep() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let ours: Vec<_> = latchkey_local::functions::all::<Declaration>()
            .iter()
            .map(|function| format!(",{}=trace", function.name().replace('-', "_")))
            .collect();
        let filter = EnvFilter::new(format!("info,latchkey=trace{}", ours.concat()));
        let log = telemetry::json(Keeper, World::real(), Some("a-function".to_owned()));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(log))
            .unwrap();
    });
    KEPT.set(Some(Vec::new()));
}

/// What was logged on this thread since.
pub(crate) fn kept() -> Vec<Value> {
    let text = String::from_utf8(KEPT.take().unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}
