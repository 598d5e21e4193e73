//! Which of the languages that we have does a reader want?

/// The most entries of a wish that are looked at.
const MAX_WISHES: usize = 16;

/// Chooses by an `Accept-Language` list (RFC 9110 section 12.5.4): the best wish that is offered, as written or by its
/// first part, else `otherwise`.
pub fn choose<'a>(wish: &str, offered: &[&'a str], otherwise: &'a str) -> &'a str {
    let mut wishes: Vec<(&str, u16)> = wish.split(',').take(MAX_WISHES).filter_map(read).collect();
    // Stable: of equal weights the first one counts.
    wishes.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let find = |tag: &str| offered.iter().find(|one| one.eq_ignore_ascii_case(tag)).copied();
    for (tag, _) in wishes {
        let first = tag.split('-').next().unwrap_or(tag);
        if let Some(found) = find(tag).or_else(|| find(first)) {
            return found;
        }
    }
    otherwise
}

/// A tag with its weight in thousandths; none for what is unwanted or no tag.
fn read(entry: &str) -> Option<(&str, u16)> {
    let (tag, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let tag = tag.trim();
    let plain = (1..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let weight = match parameters.trim().strip_prefix("q=") {
        Some(text) => text.trim().parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
        None => 1.0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    let weight = (weight * 1000.0) as u16;
    (plain && weight > 0).then_some((tag, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_wish_that_is_offered_wins() {
        let table = [
            ("", "en"),
            ("es", "es"),
            ("ES-mx", "es"),
            ("de, es;q=0.5, en;q=0.4", "es"),
            ("es;q=0.3, en;q=0.9", "en"),
            ("es;q=0", "en"),
            ("pt-br", "pt-BR"),
            ("pt", "en"),
            ("*", "en"),
            ("de;q=1.5, es;q=abc", "en"),
            ("../../etc, es", "es"),
            ("\u{0}\u{1}", "en"),
        ];
        for (wish, expected) in table {
            assert_eq!(choose(wish, &["en", "es", "pt-BR"], "en"), expected, "{wish:?}");
        }
        let endless = "xx,".repeat(10_000) + "es";
        assert_eq!(choose(&endless, &["en", "es"], "en"), "en");
    }
}
