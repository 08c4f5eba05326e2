//! Numbering plans: what libphonenumber knows of the numbers of a calling code.
//!
//! The library reads all of them at once, in four milliseconds and 5 MB. Nearly
//! every number needs one: here each is read when a number of its code is.

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use prost::Message;
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberUtil, Region};

/// See `numbers/README.md`.
static METADATA: &[u8] = include_bytes!("../../numbers/metadata.bin");

/// A `PhoneMetadataCollection`, its entries unread.
#[derive(Message)]
struct Collection {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    entries: Vec<Bytes>,
}

/// What tells one `PhoneMetadata` from the others.
#[derive(Message)]
struct Entry {
    #[prost(string, required, tag = "9")]
    region: String,
    #[prost(int32, required, tag = "10")]
    calling_code: i32,
}

/// The plans of one calling code: of its region, or of all that share it.
struct Plan {
    calling_code: i32,
    regions: Vec<Region>,
    entries: Vec<Bytes>,
    library: OnceLock<Box<PhoneNumberUtil>>,
}

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let mut plans = Vec::<Plan>::new();
    for bytes in Collection::decode(Bytes::from_static(METADATA)).expect("a file of ours").entries {
        let Entry { region, calling_code } = Entry::decode(bytes.clone()).expect("a file of ours");
        let region = Region::from_code(&region).expect("a file of ours");
        let at = plans.iter().position(|plan| plan.calling_code == calling_code).unwrap_or_else(|| {
            plans.push(Plan { calling_code, regions: vec![], entries: vec![], library: OnceLock::new() });
            plans.len() - 1
        });
        plans[at].regions.push(region);
        plans[at].entries.push(bytes);
    }
    plans
});

impl Plan {
    fn library(&self) -> &PhoneNumberUtil {
        self.library.get_or_init(|| Box::new(library(&self.entries)))
    }
}

fn library(entries: &[Bytes]) -> PhoneNumberUtil {
    let metadata = entries.iter().map(|entry| PhoneMetadata::decode(entry.clone()).expect("a file of ours"));
    let collection = PhoneMetadataCollection { metadata: metadata.collect() };
    PhoneNumberUtil::new_for_metadata(collection).expect("its regions are the library's")
}

/// All plans: for numbers that are dialled from one country into another.
pub(super) fn all() -> &'static PhoneNumberUtil {
    static ALL: LazyLock<PhoneNumberUtil> = LazyLock::new(|| {
        let entries: Vec<_> = PLANS.iter().flat_map(|plan| plan.entries.iter().cloned()).collect();
        library(&entries)
    });
    &ALL
}

/// The plan of the code that the digits of a number begin with; no code is the
/// beginning of another (ITU-T E.164).
pub(super) fn of_code(number: &str) -> Option<&'static PhoneNumberUtil> {
    let mut code = 0;
    for digit in number.bytes().filter(u8::is_ascii_digit).take(3) {
        code = code * 10 + i32::from(digit - b'0');
        if let Some(plan) = PLANS.iter().find(|plan| plan.calling_code == code) {
            return Some(plan.library());
        }
    }
    None
}

/// The plan that a region's numbers are of.
pub(super) fn of_region(region: Region) -> Option<&'static PhoneNumberUtil> {
    PLANS.iter().find(|plan| plan.has(region)).map(Plan::library)
}

/// Whether a region has phones.
pub(super) fn has_region(region: Region) -> bool {
    PLANS.iter().any(|plan| plan.has(region))
}

impl Plan {
    /// The world is where codes of no region are listed: satellites, free calls.
    fn has(&self, region: Region) -> bool {
        region != Region::World && self.regions.contains(&region)
    }
}
