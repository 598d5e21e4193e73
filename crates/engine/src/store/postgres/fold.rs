//! Which lists are one statement, so that nothing is sent but that?
//!
//! The parts of one statement do not see what the others write, and all rely on the same moment. That is right for parts
//! that have no row in common. One statement is its own transaction: there is no beginning and no end to be sent.

use crate::store::step::{Expect, Step};
use crate::store::value::Value;
use crate::store::{events, sessions, sql::Sql};

/// The statements of an exchanged refresh token, and of a session that was used.
static PARTS: [&Sql; 4] = [&sessions::ROTATE, &sessions::NOTE_SEEN, &events::ADD, &events::MOVE_HEAD];

/// What names a folded list: its statements in order.
pub(super) type Shape = Vec<usize>;

/// The shape of a list that can be one statement.
pub(super) fn shape(steps: &[Step<'_>]) -> Option<Shape> {
    let fits = |step: &Step<'_>| {
        // Alone it has no row in common with anything; a part that only reads would not be run.
        let writes_alone = steps.len() == 1 && !step.sql.postgres.starts_with("SELECT");
        let rows_apart = writes_alone || PARTS.iter().any(|part| std::ptr::eq(*part, step.sql));
        let known = match step.expect {
            Expect::Anything | Expect::Row(_) => true,
            Expect::User | Expect::Ended | Expect::Removed => false,
        };
        rows_apart && known
    };
    // Two exchanges in one list would be about the same session, and the parts of one statement are run in no known
    // order: of two events the second could have the lower number.
    let once = |sql: &'static Sql| steps.iter().filter(|step| std::ptr::eq(step.sql, sql)).count() <= 1;
    let [rotate, seen, add] = [&sessions::ROTATE, &sessions::NOTE_SEEN, &events::ADD].map(once);
    (!steps.is_empty() && steps.iter().all(fits) && rotate && seen && add)
        .then(|| steps.iter().map(|step| std::ptr::from_ref(step.sql).addr()).collect())
}

/// The one statement. It fails where a part that must touch a row touches none.
pub(super) fn text(steps: &[Step<'_>]) -> String {
    let (mut parts, mut checks, mut before) = (Vec::new(), Vec::new(), 0);
    for (at, step) in steps.iter().enumerate() {
        let sql = renumbered(step.sql.postgres, before);
        let returning = if super::list::gives_rows(&sql) { "" } else { " RETURNING 1" };
        parts.push(format!("part{at} AS ({sql}{returning})"));
        if matches!(step.expect, Expect::Row(_)) {
            checks.push(format!("1 / (SELECT count(*) FROM part{at})"));
        }
        before += step.values.len();
    }
    if checks.is_empty() {
        checks.push("1".to_owned());
    }
    format!("WITH {} SELECT {}", parts.join(", "), checks.join(", "))
}

/// The values of all parts in order.
pub(super) fn values<'s, 'v>(steps: &'s [Step<'v>]) -> impl Iterator<Item = &'s Value<'v>> {
    steps.iter().flat_map(|step| &step.values)
}

/// The text with each parameter counted on from those before.
fn renumbered(sql: &str, before: usize) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number = number.parse::<usize>().map_or(0, |number| number + before);
        text.push_str(&format!("${number}{rest}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::value::values;

    #[test]
    fn parameters_are_counted_on() {
        assert_eq!(renumbered("SET a = $1, b = $12 WHERE $1 = c", 10), "SET a = $11, b = $22 WHERE $11 = c");
    }

    #[test]
    fn a_list_that_writes_the_same_row_twice_is_no_single_statement() {
        let rotate = || Step::fresh(&sessions::ROTATE, values![1_i64]);
        let seen = || Step::any(&sessions::NOTE_SEEN, values![1_i64]);
        let add = || Step::any(&events::ADD, values![1_i64]);
        assert!(shape(&[rotate(), add()]).is_some());
        assert!(shape(&[rotate(), rotate(), add()]).is_none());
        assert!(shape(&[seen(), seen()]).is_none());
        assert!(shape(&[rotate(), add(), add()]).is_none());
        assert!(shape(&[rotate()]).is_some());
        assert!(shape(&[]).is_none());
    }
}
