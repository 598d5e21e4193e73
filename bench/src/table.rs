//! How is a result told? As a Markdown table for people, as JSON for scripts.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::{Outcome, wrong};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// What a ratio has to be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// It is told, and nothing is asked of it.
    Told,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What is measured.
    pub title: String,
    /// The figure, with its unit.
    pub measured: String,
    /// The limit of this run, with its unit.
    pub limit: String,
    /// Figure by limit.
    pub ratio: f64,
    /// What the ratio has to be.
    pub target: Target,
}

impl Row {
    /// A row from its five columns.
    pub fn new(
        title: impl Into<String>,
        measured: impl Into<String>,
        limit: impl Into<String>,
        ratio: f64,
        target: Target,
    ) -> Row {
        Row { title: title.into(), measured: measured.into(), limit: limit.into(), ratio, target }
    }

    /// A figure that may not exceed a fixed bound.
    pub fn bounded(title: impl Into<String>, figure: f64, bound: f64, unit: &str) -> Row {
        Row::new(
            title,
            format!("{} {unit}", short(figure)),
            format!("{} {unit}", short(bound)),
            figure / bound,
            Target::AtMost(1.0),
        )
    }

    /// Whether the target is met; nothing when there is none.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::AtLeast(least) => Some(self.ratio >= least),
            Target::AtMost(most) => Some(self.ratio <= most),
            Target::Told => None,
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::AtLeast(least) => format!("≥ {}", short(least)),
            Target::AtMost(most) => format!("≤ {}", short(most)),
            Target::Told => "–".to_owned(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "row": self.title, "measured": self.measured, "limit": self.limit, "ratio": self.ratio,
            "target": self.target_text(), "met": self.met(),
        })
    }
}

/// A figure with three digits that count.
pub fn short(figure: f64) -> String {
    let size = figure.abs();
    if size >= 99.95 {
        let whole = format!("{figure:.0}");
        return if size >= 9_999.5 { grouped(&whole) } else { whole };
    }
    let digits = if size >= 9.995 {
        1
    } else if size >= 0.1 {
        2
    } else {
        3
    };
    let text = format!("{figure:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        let rest = digits.len() - at;
        if at > 0 && rest.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds of a span, with three digits that count.
pub fn ms(span: std::time::Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// The table, with the machine under it.
pub fn markdown(machine: &Machine, rows: &[Row], quick: bool) -> String {
    let mut text = String::from("| row | measured | limit in this run | ratio | target | met |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in rows {
        let met = row.met().map_or("–", |met| if met { "yes" } else { "**no**" });
        let ratio = short(row.ratio);
        let target = row.target_text();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {ratio} | {target} | {met} |",
            row.title, row.measured, row.limit
        );
    }
    let pace = if quick { " Quick run: short rounds." } else { "" };
    let _ = writeln!(text, "\n{}.{pace}", machine.line());
    text
}

/// The whole result for scripts.
pub fn json_text(machine: &Machine, rows: &[Row], quick: bool) -> String {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    format!("{:#}\n", json!({ "machine": machine.json(), "quick": quick, "rows": rows }))
}

/// Puts the table between the two markers of a page.
///
/// # Errors
/// The page cannot be read or written, or does not have both markers in order.
pub fn write_page(page: &Path, table: &str) -> Outcome<()> {
    let text =
        std::fs::read_to_string(page).map_err(|fault| wrong(format!("{}: {fault}", page.display())))?;
    let replaced = replace(&text, table)
        .ok_or_else(|| wrong(format!("{} does not have the lines {BEGIN} and {END}", page.display())))?;
    Ok(std::fs::write(page, replaced)?)
}

fn replace(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let page = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n";
        let new = replace(page, "new\n").unwrap();
        assert_eq!(new, "before\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nafter\n");
        assert_eq!(replace("no markers", "new"), None);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0.0312, 0.951, 12.0, 12.34, 158.4, 9_412.0, 123_456.7, 10_000_000.0, -123_456.0].map(short),
            ["0.031", "0.95", "12", "12.3", "158", "9412", "123,457", "10,000,000", "-123,456"]
        );
    }

    #[test]
    fn a_target_is_met_at_its_border() {
        let row = |ratio, target| Row::new("", "", "", ratio, target).met();
        assert_eq!(row(0.95, Target::AtLeast(0.95)), Some(true));
        assert_eq!(row(0.94, Target::AtLeast(0.95)), Some(false));
        assert_eq!(row(8.0, Target::AtMost(8.0)), Some(true));
        assert_eq!(row(1.0, Target::Told), None);
    }
}
