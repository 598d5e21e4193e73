//! Did a form come from our own page, opened with the link that it is about? (SEC-73)

use super::{Page, Pages};
use domain::secret::Secret;
use domain::token::Digest;
use http::{HeaderMap, HeaderValue, header};

/// The cookie that holds the link between the page and its form.
const COOKIE: &str = "__Host-link";
/// Its name where there is no TLS: browsers refuse `__Host-` there.
const PLAIN_COOKIE: &str = "link";
/// For so long the form can be filled in, in seconds.
const COOKIE_SECONDS: u32 = 1800;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 512;

/// Whether the browser says that one of our pages sent this, or, where it says nothing, names our origin exactly.
pub fn is_from_here(headers: &HeaderMap, origin: &str) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => return site == "same-origin",
        (Some(_), Some(_)) => return false,
        (None, _) => {}
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    matches!((origins.next(), origins.next()), (Some(named), None) if named.as_bytes() == origin.as_bytes())
}

/// Whether a text in a query or a cookie could be a token.
pub fn plausible(token: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(plain)
}

/// What proves that a form was made for this link: nobody can tell it who does not have the link.
pub fn form_token(page: Page, token: &Secret) -> String {
    let digest = Digest::of(&format!("countersign form {} {}", page.name(), token.expose()));
    digest.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a form was made for this link. What is compared are digests, so that time tells nothing.
pub fn is_form_of(page: Page, token: &Secret, sent: &Secret) -> bool {
    Digest::of(&form_token(page, token)) == Digest::of(sent.expose())
}

impl Pages {
    /// The token of the page's link, from the cookie. Two cookies of the name are none (SEC-76).
    pub fn kept(&self, page: Page, headers: &HeaderMap) -> Option<Secret> {
        let name = if self.is_https() { COOKIE } else { PLAIN_COOKIE };
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut found = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name);
        let (Some((_, value)), None) = (found.next(), found.next()) else { return None };
        let token = value.strip_prefix(page.name())?.strip_prefix('.')?;
        plausible(token).then(|| Secret::new(token))
    }

    /// Keeps the token until the form is sent.
    pub fn keep(&self, page: Page, token: &str, headers: &mut HeaderMap) {
        self.set_cookie(&format!("{}.{token}", page.name()), COOKIE_SECONDS, headers);
    }

    /// Forgets the token.
    pub fn forget(&self, headers: &mut HeaderMap) {
        self.set_cookie("", 0, headers);
    }

    fn set_cookie(&self, value: &str, seconds: u32, headers: &mut HeaderMap) {
        let (name, secure) = if self.is_https() { (COOKIE, "; Secure") } else { (PLAIN_COOKIE, "") };
        // Lax: the page is opened from a mailbox on another site.
        let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(mut line) = HeaderValue::from_str(&line) {
            line.set_sensitive(true);
            headers.append(header::SET_COOKIE, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-73
    #[test]
    fn only_our_own_page_may_send_a_form() {
        let table: &[(&[(&'static str, &'static str)], bool)] = &[
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://id.example.com")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://id.example.com")], true),
            (&[("origin", "https://id.example.com"), ("origin", "https://evil.example")], false),
            (&[("origin", "http://id.example.com")], false),
            (&[("origin", "https://id.example.com:8443")], false),
            (&[("origin", "https://id.example.com.evil.test")], false),
            (&[("origin", "https://evilid.example.com")], false),
            (&[("origin", "https://ID.example.com")], false),
            (&[("origin", "https://id.example.com.")], false),
            (&[("origin", "https://id.example.com@evil.test")], false),
            (&[("origin", "null")], false),
            (&[("referer", "https://id.example.com/account/reset")], false),
            (&[], false),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_from_here(&headers, "https://id.example.com"), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_form_belongs_to_one_link_and_one_page() {
        use domain::link::LinkKind;
        let (page, other) = (Page::Link(LinkKind::ResetPassword), Page::Link(LinkKind::VerifyEmail));
        let (mine, yours) = (Secret::new("csl_mine"), Secret::new("csl_yours"));
        let form = Secret::new(form_token(page, &mine));
        assert!(is_form_of(page, &mine, &form));
        assert!(!is_form_of(page, &yours, &form) && !is_form_of(other, &mine, &form));
        assert!(!is_form_of(page, &mine, &Secret::default()) && !is_form_of(page, &mine, &mine));
    }
}
