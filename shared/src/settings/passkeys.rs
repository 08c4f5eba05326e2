//! What passkeys are bound to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::settings::apps::android_apps;

/// What [`passkeys`] reads.
pub const PASSKEYS: &[&Parameter] = &[config::PASSKEY_RP_ID, config::PASSKEY_ORIGINS, config::ANDROID_APPS];

/// What a deployment says of the passkeys that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeySettings {
    /// The domain that they are bound to, where one is set.
    pub rp_id: Option<String>,
    /// Where they may be used, besides this site: pages, and apps for Android.
    pub origins: Vec<String>,
}

/// The domain that passkeys are bound to, and where they may be used.
pub fn passkeys(vars: &Vars) -> Result<PasskeySettings, BadParameter> {
    let rp_id = vars.optional(config::PASSKEY_RP_ID).map(str::to_owned);
    if let Some(rp_id) = rp_id.as_ref().filter(|rp_id| !is_domain(rp_id)) {
        let problem = format!("must be a domain such as example.com, not {rp_id:?}");
        return Err(BadParameter { name: config::PASSKEY_RP_ID.name, problem });
    }
    let mut origins = Vec::new();
    for origin in vars.list(config::PASSKEY_ORIGINS) {
        if !is_origin(origin) {
            let problem =
                format!("must be a list of origins such as https://app.example.com, not {origin:?}");
            return Err(BadParameter { name: config::PASSKEY_ORIGINS.name, problem });
        }
        origins.push(origin.to_owned());
    }
    // What Android's Credential Manager calls an app: its certificate's hash in base64url.
    let fingerprints = android_apps(vars)?.into_values().flatten();
    origins.extend(fingerprints.map(|fingerprint| {
        let bytes = fingerprint.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok());
        format!("android:apk-key-hash:{}", URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<_>>()))
    }));
    Ok(PasskeySettings { rp_id, origins })
}

/// In lower case, since browsers compare it so, and no address, whose last part is a number.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_named =
        text.rsplit('.').next().is_some_and(|last| last.starts_with(|of: char| of.is_ascii_lowercase()));
    text.len() <= 253 && is_named && text.split('.').all(is_label)
}

/// `https` and a host, or `http` on this machine; as a browser writes it, so that it can be
/// compared.
fn is_origin(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_port = |port: &str| {
        (1..=5).contains(&port.len())
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.starts_with('0')
    };
    let is_secure = scheme == "https" || (scheme == "http" && host == "localhost");
    is_secure && is_domain(host) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_named() {
        for bad in
            ["https://example.com", "Example.com", "203.0.113.7", "-a.com", "a..com", "example.com:443"]
        {
            let error = passkeys(&Vars::from_iter([("PASSKEY_RP_ID", bad)])).unwrap_err();
            assert_eq!(error.name, "PASSKEY_RP_ID", "{bad}");
        }
        for bad in [
            "example.com",
            "http://example.com",
            "https://example.com/",
            "https://example.com:0",
            "https://example.com:08",
            "ftp://example.com",
            "https://",
        ] {
            let error = passkeys(&Vars::from_iter([("PASSKEY_ORIGINS", bad)])).unwrap_err();
            assert_eq!(error.name, "PASSKEY_ORIGINS", "{bad}");
        }
    }

    #[test]
    fn an_app_for_android_is_known_by_its_certificate() {
        let print = ["00"; 31].join(":") + ":FF";
        let vars = Vars::from_iter([
            ("PASSKEY_RP_ID", "example.com".to_owned()),
            ("PASSKEY_ORIGINS", "https://app.example.com, http://localhost:8081".to_owned()),
            ("ANDROID_APPS", format!("com.example.app={print}")),
        ]);
        let settings = passkeys(&vars).unwrap();
        assert_eq!(settings.rp_id.as_deref(), Some("example.com"));
        let android = "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8";
        assert_eq!(settings.origins, ["https://app.example.com", "http://localhost:8081", android]);
    }
}
