//! How does a dialect say in which ways it can ask for a second factor?

use crate::compiled::Dialect;
use crate::file::{Section, Word, unknown_word};
use crate::route::Route;
use domain::command::Verb;
use domain::contract::FactorWays;
use domain::input::Input;

/// The ways that a dialect can, and those that are on where a mount says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// All that it can.
    pub can: FactorWays,
    /// On by themselves.
    pub on: FactorWays,
}

/// Reads `[factors]`.
pub fn compile_ways(section: Option<Section<'_>>) -> Ways {
    let Some(section) = section else { return Ways::default() };
    let can = read("ways", &section, section.words("ways"));
    let on = read("on_by_default", &section, section.words("on_by_default"));
    if let Some(way) = on.beyond(can).first() {
        section.fault(format!("`on_by_default` names \"{way}\", which `ways` does not"));
    }
    section.done();
    Ways { can, on }
}

fn read(key: &str, section: &Section<'_>, words: Option<Vec<Word<'_>>>) -> FactorWays {
    let words = words.unwrap_or_default();
    let mut known = Vec::new();
    for word in &words {
        match FactorWays::NAMES.iter().find(|name| **name == word.text) {
            Some(name) => known.push(*name),
            None => section.faults().at(word.span.start, unknown_word(key, word.text, &FactorWays::NAMES)),
        }
    }
    FactorWays::of(known).unwrap_or_default()
}

impl Dialect {
    /// The dialect with these ways of asking for a second factor. Without `field`, the field is one that nobody takes.
    #[must_use]
    pub fn with_factors(mut self, ways: FactorWays) -> Dialect {
        self.contract.factors = ways;
        for route in self.routes.iter_mut().filter(|route| route.verb == Verb::SignIn) {
            if let Some(at) = route.takes.iter().position(|take| take.input == Input::Otp) {
                route.otp = Some(Box::new(route.takes.remove(at)));
            }
            if ways.field {
                route.takes.extend(route.otp.as_deref().cloned());
            }
        }
        self
    }
}

/// Notes what the ways need and is not there.
pub fn check_ways(dialect: &Dialect, root: &Section<'_>) {
    let can = dialect.ways.can;
    let fault = |route: &Route, message: String| root.faults().at_line(route.line, message);
    for route in dialect.routes.iter().filter(|route| route.verb == Verb::SignIn) {
        let takes_it = route.take(Input::Otp).is_some();
        if can.field && !takes_it {
            fault(route, format!("`ways` names \"field\", so `{}` must take `otp`", route.name));
        }
        if takes_it && !can.field {
            fault(route, format!("`{}` takes `otp`, so `[factors]` must name the way \"field\"", route.name));
        }
        for case in ["factor", "enrolment"]
            .into_iter()
            .filter(|case| can.half_way && !route.cases.contains_key(*case))
        {
            fault(route, format!("`ways` names \"half_way\", so `{}` needs `give.case.{case}`", route.name));
        }
    }
    for route in dialect.routes.iter().filter(|route| route.verb == Verb::SignUp && route.gives_tokens()) {
        if can.half_way && !route.cases.contains_key("enrolment") {
            fault(
                route,
                format!("`ways` names \"half_way\", so `{}` needs `give.case.enrolment`", route.name),
            );
        }
    }
    let has = |verb: Verb| dialect.routes.iter().any(|route| route.verb == verb);
    for verb in [Verb::AnswerFactor, Verb::EnrolFactor, Verb::ConfirmFactor] {
        if can.half_way && !has(verb) {
            root.fault(format!("`ways` names \"half_way\", so a route must ask for `{}`", verb.name()));
        }
    }
    for route in &dialect.routes {
        for case in route.cases.keys() {
            let fits = match case.as_str() {
                "exists" | "free" => route.verb == Verb::CheckEmail,
                "factor" => route.verb == Verb::SignIn,
                _ => matches!(route.verb, Verb::SignIn | Verb::SignUp),
            };
            if !fits {
                fault(route, format!("the case `{case}` does not go with {}", route.verb.name()));
            }
        }
    }
}
