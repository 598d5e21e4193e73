//! Which names are shown in a letter? (SEC-38)
//!
//! A name was chosen by whoever signed up, perhaps for somebody else's mailbox. What could be read as an address, a
//! number to call or a sentence is not shown at all; a greeting without a name harms nobody.

/// Longest name that is shown, in characters.
const MAX_CHARS: usize = 40;
/// Most words of it.
const MAX_WORDS: usize = 4;

/// The name, if it looks like one: letters with marks, and between them single spaces, hyphens, apostrophes, middle
/// dots, and full stops that end a word. No digits, slashes, at signs or control characters.
pub fn shown(name: &str) -> Option<&str> {
    let name = name.trim();
    let words = name.split(' ').count();
    let sound = (1..=MAX_CHARS).contains(&name.chars().count())
        && words <= MAX_WORDS
        && name.chars().next().is_some_and(char::is_alphabetic)
        && name.split(' ').all(is_word);
    sound.then_some(name)
}

/// Not empty; a full stop only at its end, because mail programs make links of `letters.letters`.
fn is_word(word: &str) -> bool {
    let bare = word.strip_suffix('.').unwrap_or(word);
    !bare.is_empty()
        && bare.chars().all(|c| c.is_alphabetic() || is_mark(c) || matches!(c, '-' | '\'' | '’' | '·'))
}

/// Marks that are combined with a letter; what is not precomposed needs them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{093a}'..='\u{094f}' | '\u{0e31}'..='\u{0e3a}' | '\u{0e47}'..='\u{0e4e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown() {
        for name in [
            "Ana",
            "José María",
            "O'Brien",
            "O’Brien",
            "Anne-Marie",
            "Mª José",
            "李小龍",
            "Дмитрий",
            "Dr. Ana",
            "J. R.",
            "Gal·la",
            "Zoë",
            "Zoe\u{308}",
            "مريم",
        ] {
            assert_eq!(shown(name), Some(name), "{name}");
        }
        assert_eq!(shown("  Ana "), Some("Ana"));
    }

    // SEC-38
    #[test]
    fn what_could_be_more_than_a_name_is_not_shown() {
        for name in [
            "",
            " ",
            "https://evil.example",
            "evil.example",
            "www.evil.example/x",
            "ana@evil.example",
            "+34 600 000 000",
            "<b>Ana</b>",
            "Ana\r\nBcc: b@evil.example",
            "Ana\nBcc: b",
            "\u{202e}anA",
            "Ana\u{0}",
            "Ana\u{200b}",
            "1234",
            "{{ link }}",
            "[Ana](https://evil.example)",
            "Your account is blocked call us",
            "evil．example",
            "evil。example",
            "Ana  Bea",
            "-Ana",
            ".",
            "Ana/Bea",
            "Ana:Bea",
            "A\u{2028}B",
            "bit.ly",
            "Ana,Bea",
            "$1000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(shown(name), None, "{name:?}");
        }
    }
}
