//! What do people type, on purpose or not, that two databases could take differently?

use crate::dice::Dice;
use serde_json::Value;

/// Values as they stand in JSON: odd types, odd escapes, text that folds, sorts, trims or compares in special ways.
const ODD: [&str; 52] = [
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "9223372036854775808",
    "[]",
    "{}",
    "[\"a\"]",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "\"jane\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\u{1f600}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\"",
    "\"\u{10ffff}\"",
    "\"\u{fffe}\u{ffff}\"",
    "\"\u{feff}jane\"",
    "\"\\r\\n\\t\\b\"",
    "\"\u{7f}\u{80}\u{85}\"",
    "\"\u{202e}enaj\"",
    "\"\u{a0}jane\u{2003}\"",
    "\"Stra\u{df}e\"",
    "\"STRASSE\"",
    "\"\u{1e9e}\"",
    "\"\u{130}stanbul\"",
    "\"\u{131}stanbul\"",
    "\"ISTANBUL\"",
    "\"\u{fb01}nn\"",
    "\"\u{17f}et\"",
    "\"\u{212a}elvin\"",
    "\"kelvin\"",
    "\"\u{e5}ngstrom\"",
    "\"a\u{30a}ngstrom\"",
    "\"\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}\"",
    "\"\u{1c4}\u{1c5}\u{1c6}\"",
    "\"\u{ff21}\u{ff22}\"",
    "\"100%\"",
    "\"_\"",
    "\"a_b%c\\\\d\"",
    "\"' OR 1=1 --\"",
    "\"$1\"",
    "\"\\\\x00\"",
    "\"{\\\"a\\\":1}\"",
    "\"E'\\\\n'\"",
    "\"<script>\"",
    "\"z\"",
    "\"\u{e9}\"",
    "\"Z\"",
];

/// One of the odd values, now and then a very long one.
pub fn odd(dice: &mut Dice) -> String {
    if dice.percent(4) {
        let one = *dice.of(&["x", "\u{e9}", "\u{1f600}", "\\u0000", " ", "'"]);
        return format!("\"{}\"", one.repeat(*dice.of(&[63, 127, 151, 255, 256, 1000, 5000])));
    }
    (*dice.of(&ODD)).to_owned()
}

/// The same text in a form that some would take for the same.
pub fn alike(text: &str, dice: &mut Dice) -> String {
    match dice.below(7) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        2 => format!(" {text} "),
        3 => text.replace('a', "\u{e0}"),
        4 => text.replace('k', "\u{212a}").replace('s', "\u{17f}"),
        5 => text.replace('@', "\u{ff20}"),
        _ => format!("{text}\u{200b}"),
    }
}

/// Text as it stands in JSON.
pub fn quoted(text: impl AsRef<str>) -> String {
    Value::from(text.as_ref()).to_string()
}

/// What breaks a body that was right.
pub fn broken(body: &mut Vec<u8>, dice: &mut Dice) {
    let place = dice.below(body.len() + 1);
    match dice.below(6) {
        0 => body.truncate(place),
        1 => body.insert(place, 0xff),
        2 => body.insert(place, 0),
        3 => body.extend_from_slice(b" x"),
        4 => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        _ => body.resize(*dice.of(&[70_000, 1_100_000]), b' '),
    }
}
