//! Where do the links in letters lead? Only the configuration says so, never a request (SEC-40).

use crate::config::Config;
use crate::config::kinds::TOKEN;
use domain::link::LinkKind;
use domain::secret::Secret;

/// The last part of the path of the hosted page for a kind of link.
pub const fn page(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::VerifyEmail => "verify",
        LinkKind::ResetPassword => "reset",
        LinkKind::ConfirmEmail => "confirm-email",
        LinkKind::UndoEmail => "undo-email",
        LinkKind::Invitation => "invitation",
    }
}

/// The links of one configuration.
#[derive(Clone, Debug)]
pub struct Links {
    /// With a stand-in for the token, in the order of [`LinkKind::ALL`].
    patterns: [String; 5],
    forgot: Option<String>,
    host: String,
}

impl Links {
    /// The links of a configuration that was checked.
    pub fn of(config: &Config) -> Links {
        let base = config.base_url();
        let pages = format!("{base}{}", config.pages.path);
        let mut patterns = [const { String::new() }; 5];
        for ((kind, own), pattern) in LinkKind::ALL.into_iter().zip(&config.pages.own).zip(&mut patterns) {
            *pattern = own.clone().unwrap_or_else(|| format!("{pages}/{}?token={TOKEN}", page(kind)));
        }
        let host = base.split("://").nth(1).unwrap_or(&base);
        let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let host =
            host.map_or_else(|| base.split("://").nth(1).unwrap_or(&base), |(host, _)| host).to_owned();
        Links { patterns, forgot: config.pages.hosted.then(|| format!("{pages}/forgot")), host }
    }

    /// The link with this token in it.
    pub fn to(&self, kind: LinkKind, token: &Secret) -> Secret {
        let pattern = LinkKind::ALL.iter().position(|one| *one == kind).and_then(|at| self.patterns.get(at));
        Secret::new(pattern.map_or_else(String::new, |pattern| pattern.replacen(TOKEN, token.expose(), 1)))
    }

    /// Where a reset is asked for.
    pub fn forgot(&self) -> Option<&str> {
        self.forgot.as_deref()
    }

    /// Our own host name.
    pub fn host(&self) -> &str {
        &self.host
    }
}
