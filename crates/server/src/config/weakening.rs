//! Which settings make this installation weaker than it is by default, and what does each cost? (SEC-113)
//!
//! What a contract demands is named in its dialect file ([`domain::contract::Weakening`]); what the operator chose is
//! named here. Both are listed by `countersign doctor --security`, logged at the start and noted in the audit trail.

use super::mail::Transport;
use super::{Config, MountConfig, UpstreamConfig};
use ipnet::IpNet;

/// Least memory times passes of argon2id, in KiB: 19,456 × 2 and its equals (security.md 3.1).
const LEAST_WORK: u64 = 12_288 * 3;
/// A larger block of trusted proxies holds addresses of strangers: 10.0.0.0/8 is the largest private one.
const WIDEST_V4: u8 = 8;
/// As large as one site gets.
const WIDEST_V6: u8 = 32;

/// Makes the enum and its words from one table, so that none of them can be forgotten.
macro_rules! house_weakenings {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $cost:literal;)+) => {
        /// Weaker behaviour that the operator chose. Closed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum HouseWeakening {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl HouseWeakening {
            /// Every one, in the order of the documentation.
            pub const ALL: &[HouseWeakening] = &[$(HouseWeakening::$variant,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(HouseWeakening::$variant => $name,)+
                }
            }

            /// What it costs, in one sentence.
            pub const fn cost(self) -> &'static str {
                match self {
                    $(HouseWeakening::$variant => $cost,)+
                }
            }

            /// When it is in force.
            pub const fn cause(self) -> &'static str {
                match self {
                    $(HouseWeakening::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

house_weakenings! {
    /// `listen` is open to the network, or `public_url` is not on this machine, and `public_url` is not https.
    PlainHttp = "plain_http", "Passwords and tokens travel in clear, and whoever is on the way can take them.";
    /// `database` has `sslmode=disable` and a host that is not this machine.
    DatabaseInClear = "database_in_clear",
        "The password of the database, and everything that is in it, travel in clear.";
    /// `trusted_proxies` holds a block larger than /8 (IPv6: /32).
    WideProxies = "wide_proxies",
        "Strangers inside those blocks can choose the address that limits and the audit trail see.";
    /// `hashing` is below 19,456 KiB with two passes and its equals.
    CheapHashing = "cheap_hashing", "Whoever steals the database finds passwords sooner.";
    /// `limits.enabled` is false.
    LimitsOff = "limits_off", "Passwords can be guessed as fast as the machine hashes; for load tests only.";
    /// `admin.require_factor` is false.
    AdminsWithoutFactor = "admins_without_factor",
        "Whoever finds out or guesses the password of an administrator is one.";
    /// `mail.transport` is `log`.
    LettersInLog = "letters_in_log",
        "Letters are written into the log with their links: whoever reads the log can set passwords.";
    /// `mail.transport` is `file`.
    LettersInFiles = "letters_in_files",
        "Letters are written into files with their links and reach nobody: whoever reads the folder can set passwords.";
    /// A mount has a `secret_file` and no `accept_until`.
    OldTokens = "old_tokens",
        "Tokens that the application signed itself are accepted as long as each one lives, with no session to end.";
    /// A mount has `allow_credentials`.
    CrossOriginCookies = "cross_origin_cookies",
        "Pages of the allowed origins act with the user's cookies: they have to be as safe as this server.";
    /// A mount has an `upstream` that is not https and not on this machine.
    UpstreamInClear = "upstream_in_clear",
        "Passwords and tokens travel to the old application in clear, and whoever is on the way can take or answer them.";
}

impl Config {
    /// What is weaker than it could be by the operator's choice: `house` or the dialect of a mount, and how.
    pub fn weakenings(&self) -> Vec<(String, HouseWeakening)> {
        let house = [
            (HouseWeakening::PlainHttp, self.speaks_in_clear()),
            (HouseWeakening::DatabaseInClear, self.database_in_clear()),
            (HouseWeakening::WideProxies, self.trusted_proxies.iter().any(is_wide)),
            (HouseWeakening::CheapHashing, self.hashes_cheaply()),
            (HouseWeakening::LimitsOff, !self.house.limits.enabled),
            (HouseWeakening::AdminsWithoutFactor, !self.house.admin.require_factor),
            (HouseWeakening::LettersInLog, matches!(self.mail.transport, Transport::Log)),
            (HouseWeakening::LettersInFiles, matches!(self.mail.transport, Transport::File(_))),
        ];
        let of_house = house.into_iter().filter(|(_, in_force)| *in_force);
        let mut all: Vec<(String, HouseWeakening)> =
            of_house.map(|(weakening, _)| ("house".to_owned(), weakening)).collect();
        for mount in &self.mounts {
            all.extend(of_mount(mount).map(|weakening| (mount.dialect.clone(), weakening)));
        }
        all
    }

    fn speaks_in_clear(&self) -> bool {
        let url = self.public_url.as_deref().unwrap_or("");
        let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        let far = host.is_some_and(|host| !super::kinds::is_loopback(host));
        far || (!self.listen.ip().is_loopback() && !url.starts_with("https://"))
    }

    /// Whether a password hash costs less than recommended.
    pub fn hashes_cheaply(&self) -> bool {
        let params = self.hashing.params;
        u64::from(params.memory_kib()) * u64::from(params.passes()) < LEAST_WORK
    }
}

fn of_mount(mount: &MountConfig) -> impl Iterator<Item = HouseWeakening> + use<> {
    let old = mount.secret_file.is_some() && mount.accept_until.is_none();
    [
        (HouseWeakening::OldTokens, old),
        (HouseWeakening::CrossOriginCookies, mount.allow_credentials && !mount.allowed_origins.is_empty()),
        (HouseWeakening::UpstreamInClear, mount.upstream.as_ref().is_some_and(UpstreamConfig::is_in_clear)),
    ]
    .into_iter()
    .filter_map(|(weakening, in_force)| in_force.then_some(weakening))
}

fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(block) => block.prefix_len() < WIDEST_V4,
        IpNet::V6(block) => block.prefix_len() < WIDEST_V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use std::path::PathBuf;

    fn config(file: &str) -> Config {
        let folder = std::env::temp_dir().join(format!("countersign-weak-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let name: String = file.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let path = folder.join(format!("{name:.80}.toml"));
        std::fs::write(&path, file).unwrap();
        let config = Config::load(&Sources {
            config: Some(path),
            data: Some(PathBuf::from("x")),
            ..Sources::default()
        });
        config.unwrap_or_else(|faults| panic!("{file}: {faults:?}"))
    }

    #[test]
    fn every_weakening_of_the_house_is_seen_and_the_default_has_none() {
        // SEC-113
        assert_eq!(config("").weakenings(), []);
        let cases = [
            (HouseWeakening::PlainHttp, "listen = \"0.0.0.0:8000\""),
            (HouseWeakening::PlainHttp, "public_url = \"http://accounts.example.com\""),
            (HouseWeakening::DatabaseInClear, "database = \"postgres://u@db/c?sslmode=disable\""),
            (HouseWeakening::DatabaseInClear, "database = \"postgres://u@localhost,db/c?sslmode=disable\""),
            (HouseWeakening::WideProxies, "trusted_proxies = [\"8.0.0.0/7\"]"),
            (HouseWeakening::WideProxies, "trusted_proxies = [\"2000::/3\"]"),
            (HouseWeakening::CheapHashing, "[hashing]\nmemory_kib = 19456\npasses = 1"),
            (HouseWeakening::LimitsOff, "[limits]\nenabled = false"),
            (HouseWeakening::AdminsWithoutFactor, "[admin]\nrequire_factor = false"),
            (
                HouseWeakening::LettersInLog,
                "public_url = \"https://a.example\"\n[mail]\nfrom = \"A <a@a.example>\"\ntransport = \"log\"",
            ),
            (
                HouseWeakening::LettersInFiles,
                "public_url = \"https://a.example\"\n[mail]\nfrom = \"A <a@a.example>\"\ntransport = \"file\"",
            ),
            (HouseWeakening::OldTokens, "[[mount]]\ndialect = \"native\"\nsecret_file = \"/s\""),
            (
                HouseWeakening::CrossOriginCookies,
                "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"https://a.example\"]\nallow_credentials = true",
            ),
            (
                HouseWeakening::UpstreamInClear,
                "[[mount]]\ndialect = \"native\"\nupstream = \"http://10.0.0.7:8001/api\"",
            ),
        ];
        for (weakening, file) in cases {
            let found: Vec<HouseWeakening> =
                config(file).weakenings().into_iter().map(|(_, one)| one).collect();
            assert_eq!(found, [weakening], "{file}");
        }
        for weakening in HouseWeakening::ALL {
            assert!(cases.iter().any(|(case, _)| case == weakening), "{weakening:?} has no case");
        }
        for safe in [
            "listen = \"0.0.0.0:8000\"\npublic_url = \"https://accounts.example.com\"\ntrusted_proxies = [\"10.0.0.0/8\"]",
            "public_url = \"http://localhost:8000\"",
            "database = \"postgres://u@db/c\"",
            "database = \"postgres://u@localhost/c\"",
            "[hashing]\nmemory_kib = 12288\npasses = 3",
            "[[mount]]\ndialect = \"native\"\nupstream = \"http://[::1]:8001\"",
            "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"",
            "[[mount]]\ndialect = \"native\"\nsecret_file = \"/s\"\naccept_until = 2030-01-01T00:00:00Z",
        ] {
            assert_eq!(config(safe).weakenings(), [], "{safe}");
        }
    }
}
