//! What stands in the place of a secret? Something of the same shape that belongs to nobody.

/// Names that stand for people.
const WORDS: [&str; 24] = [
    "Alba", "Bruno", "Celia", "Dario", "Elena", "Fabio", "Greta", "Hugo", "Irma", "Jonas", "Kira", "Luca",
    "Marta", "Nico", "Olga", "Pablo", "Quirin", "Rosa", "Silvio", "Tilda", "Ugo", "Vera", "Wanda", "Yago",
];
/// A picture of one pixel (PNG).
const PIXEL: [u8; 67] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 58,
    126, 155, 85, 0, 0, 0, 10, 73, 68, 65, 84, 120, 156, 99, 96, 0, 0, 0, 2, 0, 1, 72, 175, 164, 113, 0, 0,
    0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// A text with the same kinds of characters in the same places, the same for the same number.
pub fn shaped(original: &str, number: u64) -> String {
    let is_hex = original.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        || original.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    let letters = if is_hex { 6 } else { 26 };
    // Numbers of the same sequence lie far apart.
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D;
    let mut next = move |below: u8| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((state >> 33) % u64::from(below)).unwrap_or(0)
    };
    original
        .chars()
        .map(|c| match c {
            '0'..='9' => char::from(b'0' + next(10)),
            'a'..='z' => char::from(b'a' + next(letters)),
            'A'..='Z' => char::from(b'A' + next(letters)),
            c if c.is_ascii() => c,
            // What is not ASCII stays not ASCII.
            _ => 'é',
        })
        .collect()
}

/// An e-mail address; letters of the original that are all capitals stay so.
pub fn email(original: &str, number: usize) -> String {
    let (local, host) = original.rsplit_once('@').unwrap_or((original, ""));
    let cased = |text: &str, like: &str| {
        let letters = like.chars().any(char::is_alphabetic);
        if letters && like.to_uppercase() == like { text.to_uppercase() } else { text.to_owned() }
    };
    format!("{}@{}", cased(&format!("person{number}"), local), cased("example.com", host))
}

/// A phone number of the same form, from a range that is kept for examples.
pub fn phone(original: &str, number: usize) -> String {
    let count = original.bytes().filter(u8::is_ascii_digit).count();
    let digits = format!("1555010{number:0width$}", width = count.saturating_sub(7).max(1));
    let mut digits = digits.chars().rev().take(count).collect::<Vec<_>>();
    original.chars().map(|c| if c.is_ascii_digit() { digits.pop().unwrap_or('0') } else { c }).collect()
}

/// A UUID of version 4.
pub fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// The address of a machine from a range that is kept for examples (RFC 5737).
pub fn machine(number: usize) -> String {
    format!("192.0.2.{}", number % 254 + 1)
}

/// A word of a name, in the letter case of the original.
pub fn word(original: &str, number: usize) -> String {
    let name = WORDS[number % WORDS.len()];
    let round = number / WORDS.len();
    let name = if round == 0 { name.to_owned() } else { format!("{name}{round}") };
    cased(&name, original)
}

/// A user name, in the letter case of the original.
pub fn login(original: &str, number: usize) -> String {
    cased(&format!("User{number}"), original)
}

/// A text in the letter case of another: all small, all capitals, or as it is.
pub fn cased(text: &str, like: &str) -> String {
    if like.to_lowercase() == like {
        text.to_lowercase()
    } else if like.to_uppercase() == like && like.chars().count() > 1 {
        text.to_uppercase()
    } else {
        text.to_owned()
    }
}

/// A file in the place of a sent one: a picture where one was sent.
pub fn file(original: &[u8]) -> Vec<u8> {
    let pictures: [&[u8]; 4] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"];
    if pictures.iter().any(|start| original.starts_with(start)) {
        PIXEL.to_vec()
    } else {
        b"a file that was sent".to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invented_has_the_shape_of_the_original() {
        let one = shaped("aB3-é9", 1);
        assert_eq!(one, shaped("aB3-é9", 1));
        assert_ne!(one, shaped("aB3-é9", 2));
        let classes: Vec<bool> = one.chars().map(|c| c.is_ascii_digit()).collect();
        assert_eq!(classes, [false, false, true, false, false, true]);
        assert!(shaped("00ff", 9).bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(email("ANA@CORP.IO", 3), "PERSON3@EXAMPLE.COM");
        assert_eq!(email("ana@CORP.IO", 3), "person3@EXAMPLE.COM");
        assert_eq!(phone("+49 (171) 2345678", 12), "+15 (550) 1000012");
        assert_eq!(phone("123456", 2).len(), 6);
        assert_eq!(
            (word("ann", 0), word("ANN", 1), word("Ann", 25)),
            ("alba".into(), "BRUNO".into(), "Bruno1".into())
        );
    }
}
