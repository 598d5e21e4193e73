//! What did a request bring for each input of its route?

use crate::place::Parts;
use crate::route::Route;
use crate::take::{Take, Taken};
use domain::command::{AvatarEdit, Target};
use domain::input::{Flaw, Input, Rule};
use domain::secret::Secret;
use serde_json::{Map, Value};

/// The inputs of a request, taken, with what is wrong with them.
pub(crate) struct Inputs {
    taken: Vec<(Input, Taken)>,
    /// Custom attributes by name.
    pub attributes: Map<String, Value>,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
    /// Those that were made from others.
    pub made: Vec<Input>,
}

impl Inputs {
    pub fn of(route: &Route, parts: &Parts<'_>) -> Inputs {
        let mut inputs =
            Inputs { taken: Vec::new(), attributes: Map::new(), flaws: Vec::new(), made: Vec::new() };
        let mut phases: Vec<u8> = route.takes.iter().map(|take| take.phase).collect();
        phases.extend(route.needs.iter().map(|need| need.phase));
        phases.sort_unstable();
        phases.dedup();
        for phase in phases {
            inputs.needs(route, parts, phase);
            for take in route.takes.iter().filter(|take| take.phase == phase) {
                inputs.take(take, parts);
            }
            for take in route.takes.iter().filter(|take| take.phase == phase) {
                take.check_equal(parts, &inputs.taken, &mut inputs.flaws);
            }
            if !inputs.flaws.is_empty() {
                break;
            }
        }
        for take in &route.takes {
            inputs.make(take);
        }
        inputs
    }

    fn needs(&mut self, route: &Route, parts: &Parts<'_>, phase: u8) {
        for need in route.needs.iter().filter(|need| need.phase == phase) {
            let given = |input: &Input| {
                let mut ignored = Vec::new();
                let taken = route.take(*input).map(|take| take.take(parts, &mut ignored));
                !matches!(taken, None | Some(Taken::Absent)) || !ignored.is_empty()
            };
            if !need.any.iter().any(given) {
                let input = need.any.first().copied().unwrap_or(Input::Login);
                self.flaws.push(Flaw::new(input, Rule::NoneOf));
            }
        }
    }

    fn take(&mut self, take: &Take, parts: &Parts<'_>) {
        let taken = take.take(parts, &mut self.flaws);
        match (&take.attribute, taken) {
            (Some(name), taken) if take.input == Input::Attribute => match taken {
                Taken::Text(text) => drop(self.attributes.insert(name.clone(), Value::String(text))),
                Taken::Json(value) => drop(self.attributes.insert(name.clone(), value)),
                Taken::Null => drop(self.attributes.insert(name.clone(), Value::Null)),
                Taken::Absent | Taken::File(_) => {}
            },
            (_, taken) => self.taken.push((take.input, taken)),
        }
    }

    /// Makes an absent value from others (`default = { join = […] }`).
    fn make(&mut self, take: &Take) {
        let Some(made) = &take.made else { return };
        if self.text(take.input).is_some() {
            return;
        }
        let words: Vec<&str> =
            made.join.iter().filter_map(|input| self.text(*input)).filter(|w| !w.is_empty()).collect();
        let joined = words.join(&made.with).split_whitespace().collect::<Vec<_>>().join(&made.with);
        if !joined.is_empty() {
            let value = if made.lower { joined.to_lowercase() } else { joined };
            self.taken.retain(|(input, _)| *input != take.input);
            self.taken.push((take.input, Taken::Text(value)));
            self.made.push(take.input);
        }
    }

    pub fn text(&self, input: Input) -> Option<&str> {
        self.taken.iter().find(|(known, _)| *known == input).and_then(|(_, taken)| taken.text())
    }

    pub fn owned(&self, input: Input) -> Option<String> {
        self.text(input).map(str::to_owned)
    }

    pub fn secret(&self, input: Input) -> Option<Secret> {
        self.text(input).map(Secret::new)
    }

    /// A whole number.
    pub fn number(&self, input: Input) -> Option<i64> {
        let (_, taken) = self.taken.iter().find(|(known, _)| *known == input)?;
        match taken {
            Taken::Json(value) => value.as_i64(),
            Taken::Text(text) => text.parse().ok(),
            Taken::Absent | Taken::Null | Taken::File(_) => None,
        }
    }

    /// A list of JSON values.
    pub fn list(&self, input: Input) -> Option<&[Value]> {
        let (_, taken) = self.taken.iter().find(|(known, _)| *known == input)?;
        match taken {
            Taken::Json(Value::Array(items)) => Some(items),
            Taken::Json(_) | Taken::Text(_) | Taken::Absent | Taken::Null | Taken::File(_) => None,
        }
    }

    pub fn nullable(&self, input: Input) -> Option<Option<String>> {
        self.taken.iter().find(|(known, _)| *known == input).and_then(|(_, taken)| match taken {
            Taken::Text(text) => Some(Some(text.clone())),
            Taken::Null => Some(None),
            Taken::Absent | Taken::Json(_) | Taken::File(_) => None,
        })
    }

    pub fn avatar(&self) -> Option<AvatarEdit> {
        self.taken.iter().find(|(known, _)| *known == Input::Avatar).and_then(|(_, taken)| match taken {
            Taken::File(bytes) => Some(AvatarEdit::Upload(bytes.to_vec())),
            Taken::Null => Some(AvatarEdit::Clear),
            Taken::Absent | Taken::Json(_) | Taken::Text(_) => None,
        })
    }

    /// The user meant; `me` means the caller.
    pub fn target(&self) -> Option<Target> {
        let (_, taken) = self.taken.iter().find(|(known, _)| *known == Input::UserId)?;
        match taken {
            Taken::Json(value) => value.as_i64().map(Target::Id),
            Taken::Text(text) if text == "me" => None,
            Taken::Text(text) => Some(match (text.parse(), uuid_of(text)) {
                (Ok(id), _) => Target::Id(id),
                (Err(_), Some(target)) => target,
                (Err(_), None) => Target::Short(text.clone()),
            }),
            Taken::Absent | Taken::Null | Taken::File(_) => None,
        }
    }
}

fn uuid_of(text: &str) -> Option<Target> {
    text.parse().ok().map(Target::Uuid)
}
