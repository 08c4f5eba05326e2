//! Secrets, tokens and typed codes stand in types that print nothing.

use regex::Regex;
use serde_json::json;

/// What comes in with a secret, printed as a careless line of a log would.
#[test]
fn what_comes_in_prints_no_secret() {
    const SECRET: &str = "s3cr3t-7391";
    let printed = [
        format!(
            "{:?}",
            serde_json::from_value::<exchange_code::Entered>(json!({ "phone": "1", "code": SECRET }))
                .unwrap()
        ),
        format!(
            "{:?}",
            serde_json::from_value::<change_phone::Entered>(json!({ "phone": "1", "code": SECRET })).unwrap()
        ),
        format!(
            "{:?}",
            serde_json::from_value::<refresh_token::Sent>(json!({ "refresh_token": SECRET })).unwrap()
        ),
        format!(
            "{:?}",
            serde_json::from_value::<sign_out::Wanted>(json!({ "refresh_token": SECRET })).unwrap()
        ),
    ];
    for printed in printed {
        assert!(!printed.contains(SECRET) && printed.contains('•'), "{printed}");
    }
}

/// And nothing that can be printed holds one as a plain string.
#[test]
fn no_type_that_prints_holds_a_plain_secret() {
    let declared = Regex::new(r"(?s)#\[derive\(([^)]*)\)\][^{};]*?struct (\w+)[^{};]*\{(.*?)\n\}").unwrap();
    let plain = Regex::new(
        r"\b(access_token|refresh_token|device_token|code|secret|api_key|pepper|private|body)\s*:\s*(Option<)?(String|&'?\w* ?str|Line<|Vec<u8>|\[u8)",
    )
    .unwrap();
    let (mut seen, mut folders) = (0, vec!["../shared/src".into(), std::path::PathBuf::from("../functions")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for found in declared.captures_iter(&text).filter(|found| found[1].contains("Debug")) {
                    seen += 1;
                    // The inbox is there to be read, and only on a laptop.
                    let is_inbox = path.ends_with("sms/inbox.rs");
                    assert!(is_inbox || !plain.is_match(&found[3]), "{}: {}", path.display(), &found[2]);
                }
            }
        }
    }
    assert!(seen > 60, "{seen}");
}
