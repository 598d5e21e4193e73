//! Which known word was probably meant?

/// The candidate that a word was probably meant to be: at most two letters off, or a third of the word.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let allowed = if letters < 4 { 1 } else { (letters / 3).clamp(2, 3) };
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(steps, _)| *steps <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The question at the end of a sentence.
pub fn did_you_mean(word: &str) -> String {
    format!(", did you mean {word:?}?")
}

/// Levenshtein distance, over at most 64 characters of each.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (place, wanted) in other.iter().enumerate() {
            let swap = corner + usize::from(letter != *wanted);
            corner = row[place + 1];
            row[place + 1] = swap.min(corner + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}
