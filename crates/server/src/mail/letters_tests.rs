//! Are letters inert, complete, and refused when they do not render?

use super::*;
use crate::config::{Config, Sources};

fn config(folder: Option<&std::path::Path>) -> Config {
    let mut environment = vec![
        ("COUNTERSIGN_MAIL__TRANSPORT".to_owned(), "log".to_owned()),
        ("COUNTERSIGN_MAIL__FROM".to_owned(), "Example <no-reply@example.com>".to_owned()),
        ("COUNTERSIGN_PUBLIC_URL".to_owned(), "https://id.example.com".to_owned()),
        ("COUNTERSIGN_SERVICE_NAME".to_owned(), "Example & Sons".to_owned()),
    ];
    if let Some(folder) = folder {
        environment.push(("COUNTERSIGN_MAIL__TEMPLATES".to_owned(), folder.display().to_string()));
    }
    Config::load(&Sources { environment, ..Sources::default() }).unwrap()
}

#[test]
fn every_letter_is_there_in_every_language() {
    let letters = Letters::open(&config(None)).unwrap();
    assert_eq!(letters.languages(), ["en", "es"]);
    for language in ["en", "es"] {
        for letter in Letter::ALL {
            let about =
                About { name: "Ana", link: "https://id.example.com/x?token=t", forgot: "", seconds: 1800 };
            let written = letters.write(letter, language, &about).unwrap();
            assert!(written.subject.ends_with("· Example & Sons"), "{}", written.subject);
            assert!(written.text.contains("Ana") && !written.text.contains("{{"), "{}", written.text);
            let html = written.html.unwrap();
            assert!(
                html.contains("Example &amp; Sons") && html.contains(&format!("<html lang=\"{language}\">"))
            );
            for remote in ["src=", "url(", "<link", "<script", "@import"] {
                assert!(!html.contains(remote), "{letter:?} loads something: {html}");
            }
            assert!(!written.text.contains("\n\n\n"), "{:?}", written.text);
        }
    }
}

#[test]
fn a_letter_says_how_long_its_link_works() {
    let letters = Letters::open(&config(None)).unwrap();
    let text = |letter, language, seconds| {
        let about = About { name: "", link: "https://x", forgot: "", seconds };
        letters.write(letter, language, &about).unwrap().text
    };
    assert!(text(Letter::ResetPassword, "en", 1800).contains("for 30 minutes"));
    assert!(text(Letter::VerifyEmail, "en", 86_400).contains("for 24 hours"));
    assert!(text(Letter::ResetPassword, "es", 1800).contains("durante 30 minutos"));
}

// SEC-38
#[test]
fn a_name_is_text_and_never_markup() {
    let letters = Letters::open(&config(None)).unwrap();
    let about =
        About { name: "<b>\"Ana\" & 'Bea'</b>{{ link }}", link: "https://x", forgot: "", seconds: 1800 };
    let html = letters.write(Letter::ResetPassword, "en", &about).unwrap().html.unwrap();
    assert!(!html.contains("<b>") && html.contains("&lt;b&gt;") && html.contains("{{ link }}"), "{html}");
}

/// A folder that goes with the value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("letters-{}-{number}", std::process::id()));
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Folder(folder)
    }

    fn refused(&self) -> Vec<String> {
        let home = format!("{}/", self.0.display());
        let faults = Letters::open(&config(Some(&self.0))).unwrap_err();
        faults.into_iter().map(|fault| fault.replace(&home, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_letter_of_the_operator_stands_before_ours() {
    let folder = Folder::new(&[("es/verify_email.subject", "¡Bienvenida a {{ service }}!\n")]);
    let letters = Letters::open(&config(Some(&folder.0))).unwrap();
    let about = About { name: "Ana", link: "https://x", forgot: "", seconds: 1800 };
    let subject = |language| letters.write(Letter::VerifyEmail, language, &about).unwrap().subject;
    assert_eq!(subject("es"), "¡Bienvenida a Example & Sons!");
    assert_eq!(subject("en"), "Confirm your e-mail address · Example & Sons");
}

/// Files and the beginnings of the faults.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// Broken folder and what is told about it.
const BROKEN: &[Case] = &[
    (
        &[("en/verify_email.txt", "Hello\n\n{{ lnik }}\n")],
        &["en/verify_email.txt:3: nothing is called \"lnik\" here, did you mean \"link\"?"],
    ),
    (
        &[("en/verify_email.txt", "{% if name %}{{ nobody }}{% endif %}{{ link }}")],
        &["en/verify_email.txt:1: nothing is called \"nobody\" here"],
    ),
    (&[("en/verify_email.txt", "a\n{% if name %}\n{{ link }}")], &["en/verify_email.txt:"]),
    (&[("en/verify_email.html", "a\n{{ link | nofilter }}")], &["en/verify_email.html:2: unknown filter"]),
    (&[("en/verify_email.txt", "a\n{% include \"none.txt\" %}{{ link }}")], &["en/verify_email.txt:2: "]),
    (&[("en/greeting.txt", "\n{{ 1 / 0 }}")], &["en/greeting.txt:2: "]),
    (
        &[(
            "en/verify_email.txt",
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}{{ link }}",
        )],
        &["en/verify_email.txt:1: "],
    ),
    (
        &[("en/verify_email.txt", "no link here")],
        &["en/verify_email.txt: the letter does not show {{ link }}"],
    ),
    (
        &[("en/verify_email.html", "no link here")],
        &["en/verify_email.html: the letter does not show {{ link }}"],
    ),
    (&[("en/verify_email.subject", "two\nlines")], &["en/verify_email.subject: a subject is one line"]),
    (&[("en/verify_email.subject", " \n")], &["en/verify_email.subject: a subject is one line"]),
    (
        &[("en/verfy_email.txt", "{{ link }}")],
        &["en/verfy_email.txt: there is no template of this name, did you mean \"verify_email.txt\"?"],
    ),
    (
        &[("verify_email.txt", "{{ link }}")],
        &["verify_email.txt: put templates into a folder of their language"],
    ),
    (&[("e n/verify_email.txt", "{{ link }}")], &["e n: this is not the name of a language"]),
    (&[("de/verify_email.txt", "{{ link }}")], &["de/already_signed_up.html: this template is missing"]),
    (
        &[("en/verify_email.txt", "{{ lnik }}"), ("es/invitation.html", "{{ }}")],
        &["en/verify_email.txt:1: nothing is called \"lnik\"", "es/invitation.html:1: "],
    ),
];

#[test]
fn a_letter_that_does_not_render_is_refused_with_file_and_line() {
    for (files, expected) in BROKEN {
        let faults = Folder::new(files).refused();
        for (place, words) in expected.iter().enumerate() {
            assert!(
                faults.iter().any(|fault| fault.starts_with(words)),
                "{place}: {words:?} is not in {faults:#?}"
            );
        }
    }
}
