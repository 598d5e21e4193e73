//! What does a client ask for, and does it commit?

use super::counts::count;
use super::dialogue::{Asked, Dialogue, Expected};
use super::plan::{Point, Side};
use super::sql::{Effect, effects};

impl Dialogue {
    /// Whether the connection is cut before the server hears this message.
    pub(super) fn client_says(&mut self, kind: u8, body: &[u8]) -> bool {
        let mut names = body.split(|byte| *byte == 0);
        let mut name = || names.next().unwrap_or_default();
        match kind {
            b'Q' => return self.runs(Asked::Query, &effects(&String::from_utf8_lossy(name()))),
            b'P' => {
                let (statement, sql) = (name(), name());
                let effect = effects(&String::from_utf8_lossy(sql)).first().copied();
                self.statements.insert(statement.to_vec(), effect);
                self.asks(Asked::Parse, None);
            }
            b'B' => {
                let (portal, statement) = (name(), name());
                let effect = self.statements.get(statement).copied().flatten();
                self.portals.insert(portal.to_vec(), effect);
                self.asks(Asked::Bind, None);
            }
            b'E' => {
                let effect = self.portals.get(name()).copied().flatten();
                return self.runs(Asked::Execute, effect.as_slice());
            }
            b'D' => self.asks(Asked::Describe, None),
            b'C' => self.asks(Asked::Close, None),
            b'S' => self.asks(Asked::Sync, None),
            b'F' => self.asks(Asked::Query, None),
            // Passwords, copied rows, Flush, Terminate: nothing of it is answered by itself.
            _ => {}
        }
        false
    }

    fn asks(&mut self, asked: Asked, cut: Option<Point>) {
        if self.signed_in && self.expected.is_empty() {
            count(&self.fate.tally.turns);
        }
        self.expected.push_back(Expected { asked, cut });
    }

    /// Statements are run. Whether the connection is cut before.
    fn runs(&mut self, asked: Asked, effects: &[Effect]) -> bool {
        let side = self.point(effects).and_then(|point| Some((point, self.decide(point)?)));
        match side {
            Some((_, Side::Before)) => return true,
            Some((point, Side::After)) => self.asks(asked, Some(point)),
            None => self.asks(asked, None),
        }
        false
    }

    fn decide(&self, point: Point) -> Option<Side> {
        count(match point {
            Point::Commit => &self.fate.tally.commits,
            Point::Write => &self.fate.tally.writes,
        });
        self.fate.plan.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).decide(point)
    }

    /// How statements commit, if they do.
    fn point(&mut self, effects: &[Effect]) -> Option<Point> {
        let mut point = None;
        for effect in effects {
            match effect {
                Effect::Begin => self.in_transaction = true,
                Effect::Commit => {
                    self.in_transaction = false;
                    point = Some(Point::Commit);
                }
                Effect::Abandon => self.in_transaction = false,
                Effect::Write if !self.in_transaction => point = point.or(Some(Point::Write)),
                Effect::Write | Effect::Nothing => {}
            }
        }
        point
    }
}
