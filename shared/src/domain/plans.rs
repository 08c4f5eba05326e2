//! Numbering plans: what libphonenumber knows of the numbers of a calling code.
//!
//! The library reads all of them at once, in four milliseconds and 5 MB. Nearly
//! every number needs one: here each is read when a number of its code is.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use prost::Message;
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberUtil, Region};

/// See `numbers/README.md`.
static METADATA: &[u8] = include_bytes!("../../numbers/metadata.bin");

/// A region, and where in the metadata its entry is.
type Entry = (&'static str, Range<usize>);

/// The plans of one calling code: of its region, or of all that share it.
struct Plan {
    calling_code: i32,
    entries: &'static [Entry],
    library: OnceLock<Box<PhoneNumberUtil>>,
}

include!(concat!(env!("OUT_DIR"), "/plans.rs"));

impl Plan {
    const fn new(calling_code: i32, entries: &'static [Entry]) -> Self {
        Self { calling_code, entries, library: OnceLock::new() }
    }

    fn library(&self) -> &PhoneNumberUtil {
        self.library.get_or_init(|| Box::new(library(self.entries)))
    }
}

fn library<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> PhoneNumberUtil {
    let metadata = entries.into_iter().map(|(_, at)| PhoneMetadata::decode(&METADATA[at.clone()]));
    let metadata = metadata.collect::<Result<_, _>>().expect("a file of ours");
    let collection = PhoneMetadataCollection { metadata };
    PhoneNumberUtil::new_for_metadata(collection).expect("its regions are the library's")
}

/// All plans: for numbers that are dialled from one country into another.
pub(super) fn all() -> &'static PhoneNumberUtil {
    static ALL: LazyLock<PhoneNumberUtil> =
        LazyLock::new(|| library(PLANS.iter().flat_map(|plan| plan.entries)));
    &ALL
}

/// The plan of the code that the digits of a number begin with; no code is the
/// beginning of another (ITU-T E.164).
pub(super) fn of_code(number: &str) -> Option<&'static PhoneNumberUtil> {
    Some(by_code(number)?.library())
}

/// The region that most numbers of the code are of, which the digits of a number begin with.
pub(super) fn main_region(number: &str) -> Option<Region> {
    let plan = by_code(number)?;
    plan.library().get_region_for_country_code(plan.calling_code)
}

/// The regions that share the calling code which the digits of a number begin with.
pub(super) fn regions_of(number: &str) -> Option<Vec<&'static str>> {
    Some(by_code(number)?.entries.iter().map(|(region, _)| *region).collect())
}

/// The calling code of a region.
pub(super) fn calling_code(region: Region) -> Option<i32> {
    Some(find(region)?.calling_code)
}

/// By the calling code that digits begin with; none begins with a zero.
fn by_code(number: &str) -> Option<&'static Plan> {
    let mut digits = number.bytes().filter(u8::is_ascii_digit).take(3).peekable();
    if digits.peek() == Some(&b'0') {
        return None;
    }
    let mut code = 0;
    digits.find_map(|digit| {
        code = code * 10 + i32::from(digit - b'0');
        PLANS.iter().find(|plan| plan.calling_code == code)
    })
}

/// The plan that a region's numbers are of.
pub(super) fn of_region(region: Region) -> Option<&'static PhoneNumberUtil> {
    Some(find(region)?.library())
}

/// Whether a region has phones.
pub(super) fn has_region(region: Region) -> bool {
    find(region).is_some()
}

/// The world is where codes of no region are listed: satellites, free calls.
fn find(region: Region) -> Option<&'static Plan> {
    let name = region.to_string();
    let is_of = |plan: &&Plan| plan.entries.iter().any(|(region, _)| *region == name);
    PLANS.iter().find(is_of).filter(|_| region != Region::World)
}
