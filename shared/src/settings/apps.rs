//! The apps that belong to the deployment, as phones know them.

use std::collections::BTreeMap;

use crate::base::config::{self, BadParameter, Vars};

/// Fingerprints of certificates by package: SHA-256, as `AA:BB:…`.
pub type AndroidApps = BTreeMap<String, Vec<String>>;

/// Those for Android.
pub fn android_apps(vars: &Vars) -> Result<AndroidApps, BadParameter> {
    let mut apps = BTreeMap::<_, Vec<_>>::new();
    for app in vars.list(config::ANDROID_APPS) {
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

/// Those for iPhones: `<team>.<bundle>`.
pub fn apple_apps(vars: &Vars) -> Result<Vec<String>, BadParameter> {
    vars.list(config::IOS_APP_IDS)
        .map(|app| {
            let team = app.split('.').next().unwrap_or_default();
            let fits = team.len() == 10 && is_name(app);
            fits.then(|| app.to_owned()).ok_or_else(|| BadParameter {
                name: config::IOS_APP_IDS.name,
                problem: format!("must be a list such as ABCDE12345.com.example.app, not {app:?}"),
            })
        })
        .collect()
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
        assert_eq!(apple_apps(&vars("IOS_APP_IDS", "ABCDE12345.com.example.app")).unwrap().len(), 1);
        for bad in ["com.example.app", "ABCDE12345", "ABCDE12345.com/x"] {
            assert_eq!(apple_apps(&vars("IOS_APP_IDS", bad)).unwrap_err().name, "IOS_APP_IDS", "{bad}");
        }
    }
}
