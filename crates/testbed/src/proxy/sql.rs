//! What does a statement do to its transaction?

/// What matters here of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It neither begins nor ends a transaction, and is no write that shows in its first words.
    Nothing,
    /// A transaction begins.
    Begin,
    /// The transaction is to be committed.
    Commit,
    /// The transaction ends without a commit of its own.
    Abandon,
    /// INSERT, UPDATE, DELETE or MERGE, also inside a WITH.
    Write,
}

/// The effects of all statements of a text, in order. Empty statements have none.
pub(super) fn effects(sql: &str) -> Vec<Effect> {
    let mut found = Vec::new();
    let mut statement = Vec::new();
    let mut rest = sql;
    while let Some((token, after)) = token(rest) {
        rest = after;
        match token {
            Token::End => found.extend(effect(&std::mem::take(&mut statement))),
            Token::Word(_) | Token::Opening | Token::Other => statement.push(token),
        }
    }
    found.extend(effect(&statement));
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// In capital letters.
    Word(String),
    /// `(`
    Opening,
    /// `;`
    End,
    Other,
}

/// The first token of a text and what follows it. None where there is no more.
fn token(text: &str) -> Option<(Token, &str)> {
    let text = text.trim_start();
    let first = text.chars().next()?;
    if text.starts_with("--") {
        return token(text.split_once('\n')?.1);
    }
    if text.starts_with("/*") {
        return token(text.split_once("*/")?.1);
    }
    if let Some(inside) = text.strip_prefix(['\'', '"']) {
        // A doubled quote reads as two tokens in a row, which is all the same here.
        return Some((Token::Other, inside.split_once(first).map_or("", |(_, after)| after)));
    }
    if text.starts_with(['e', 'E']) && text[1..].starts_with('\'') {
        return Some((Token::Other, after_escapes(&text[2..])));
    }
    if let Some(after) = after_dollars(text) {
        return Some((Token::Other, after));
    }
    if first.is_alphabetic() || first == '_' {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len());
        return Some((Token::Word(text[..end].to_uppercase()), &text[end..]));
    }
    let token = match first {
        '(' => Token::Opening,
        ';' => Token::End,
        _ => Token::Other,
    };
    Some((token, &text[first.len_utf8()..]))
}

/// What follows a text in quotes in which `\` takes the next character's meaning.
fn after_escapes(inside: &str) -> &str {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            '\'' if !escaped => return &inside[at + 1..],
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

/// What follows a text between `$tag$` and `$tag$`, where this is one and no `$1`.
fn after_dollars(text: &str) -> Option<&str> {
    let (tag, inside) = text.strip_prefix('$')?.split_once('$')?;
    let is_tag =
        tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_numeric());
    let end = format!("${tag}$");
    is_tag.then(|| inside.split_once(&end).map_or("", |(_, after)| after))
}

fn effect(statement: &[Token]) -> Option<Effect> {
    let word = |at: usize| match statement.get(at) {
        Some(Token::Word(word)) => word.as_str(),
        Some(Token::Opening | Token::End | Token::Other) | None => "",
    };
    let writes = |word: &str| ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(&word);
    // `SELECT … FOR NO KEY UPDATE` locks and does not write.
    let inside =
        || (1..statement.len()).any(|at| writes(word(at)) && !["FOR", "KEY"].contains(&word(at - 1)));
    statement.first()?;
    Some(match (word(0), word(1)) {
        ("BEGIN", _) | ("START", "TRANSACTION") => Effect::Begin,
        ("COMMIT" | "END", _) => Effect::Commit,
        // Back to a savepoint: the transaction goes on.
        ("ROLLBACK", "TO") => Effect::Nothing,
        ("ROLLBACK", _) if word(2) == "TO" => Effect::Nothing,
        ("ROLLBACK" | "ABORT", _) | ("PREPARE", "TRANSACTION") => Effect::Abandon,
        (first, _) if writes(first) => Effect::Write,
        ("WITH", _) if inside() => Effect::Write,
        _ => Effect::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::Effect::{Abandon, Begin, Commit, Nothing, Write};
    use super::*;

    #[test]
    fn statements_do_what_their_first_words_say() {
        let table: &[(&str, &[Effect])] = &[
            ("", &[]),
            (" ; ;", &[]),
            ("commit", &[Commit]),
            ("/* last */ COMMIT AND CHAIN;", &[Commit]),
            ("END;", &[Commit]),
            ("begin; insert into t values (1); commit", &[Begin, Write, Commit]),
            ("START TRANSACTION READ ONLY; SELECT 1; ROLLBACK", &[Begin, Nothing, Abandon]),
            ("ROLLBACK TO s; rollback work to s; ABORT", &[Nothing, Nothing, Abandon]),
            ("SELECT ';COMMIT;' -- ; COMMIT\n; DELETE FROM t", &[Nothing, Write]),
            (r"SELECT E'\';COMMIT', 'it''s;COMMIT', $x$;COMMIT;$x$, $1, $2; COMMIT", &[Nothing, Commit]),
            ("SELECT \"commit;\" FROM t FOR UPDATE", &[Nothing]),
            ("WITH a AS (INSERT INTO t VALUES ($1) RETURNING n) SELECT n FROM a", &[Write]),
            ("WITH a AS (SELECT 1) UPDATE t SET n = 2", &[Write]),
            ("WITH a AS (SELECT 1 FROM t FOR NO KEY UPDATE) SELECT 2", &[Nothing]),
            ("MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", &[Write]),
            ("CREATE TABLE t (update int)", &[Nothing]),
        ];
        for (sql, expected) in table {
            assert_eq!(effects(sql), *expected, "{sql}");
        }
    }
}
