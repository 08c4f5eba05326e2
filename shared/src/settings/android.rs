//! Apps for Android.

use std::collections::BTreeMap;

use crate::base::config::{self, BadParameter, Vars};

/// Fingerprints of certificates by package: SHA-256, as `AA:BB:…`.
pub type AndroidApps = BTreeMap<String, Vec<String>>;

/// The apps for Android that belong to the deployment.
pub fn android_apps(vars: &Vars) -> Result<AndroidApps, BadParameter> {
    let mut apps = BTreeMap::<_, Vec<_>>::new();
    let listed = vars.text(config::ANDROID_APPS).split(',').map(str::trim);
    for app in listed.filter(|app| !app.is_empty()) {
        let is_fingerprint = |text: &str| {
            let bytes: Vec<_> = text.split(':').collect();
            bytes.len() == 32
                && bytes
                    .iter()
                    .all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
        };
        match app.split_once('=') {
            Some((package, fingerprint)) if is_name(package) && is_fingerprint(fingerprint) => {
                apps.entry(package.to_owned()).or_default().push(fingerprint.to_ascii_uppercase());
            }
            _ => {
                let problem = format!("must be a list of com.example.app=<SHA-256 as AA:BB:…>, not {app:?}");
                return Err(BadParameter { name: config::ANDROID_APPS.name, problem });
            }
        }
    }
    Ok(apps)
}

fn is_name(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_apps_are_named() {
        let vars = |name: &str, value: &str| Vars::from_iter([(name, value)]);
        let print = ["AA"; 32].join(":");
        let two = format!("com.example.app={print}, com.example.app={}", print.to_lowercase());
        assert_eq!(android_apps(&vars("ANDROID_APPS", &two)).unwrap()["com.example.app"], [&*print, &*print]);
        for bad in
            ["com.example.app", "com.example.app=AA", &format!("app={print}"), &format!("a.b={print}:AA")]
        {
            assert_eq!(android_apps(&vars("ANDROID_APPS", bad)).unwrap_err().name, "ANDROID_APPS", "{bad}");
        }
    }
}
