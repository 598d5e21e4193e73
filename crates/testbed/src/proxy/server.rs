//! What does a server answer, and is it the answer that is not to be heard?

use super::counts::count;
use super::dialogue::{Asked, Dialogue, Expected};
use super::plan::Point;

impl Dialogue {
    /// Whether the connection is cut instead of passing this message on.
    pub(super) fn server_says(&mut self, message: &[u8], forward: &mut Vec<u8>) -> bool {
        let (kind, body) = (message[0], &message[5..]);
        let cut = match kind {
            b'C' => self.completes(body),
            b'E' => {
                self.fails(forward);
                false
            }
            b'Z' => self.is_ready(body, forward),
            _ => {
                self.answers(kind);
                false
            }
        };
        if !cut {
            self.held.as_mut().unwrap_or(forward).extend_from_slice(message);
        }
        cut
    }

    /// A message that answers the first that is expected, or belongs to a longer answer.
    fn answers(&mut self, kind: u8) {
        let Some(first) = self.expected.front() else { return };
        let asked = match kind {
            b'1' => Asked::Parse,
            b'2' => Asked::Bind,
            b'3' => Asked::Close,
            b'n' | b'T' => Asked::Describe,
            b's' | b'I' => Asked::Execute,
            _ => return,
        };
        if first.asked == asked {
            self.expected.pop_front();
        }
    }

    /// A statement is done. Whether it was the COMMIT that is not to be heard of.
    fn completes(&mut self, tag: &[u8]) -> bool {
        let Some(first) = self.expected.front().copied() else { return false };
        let alone = first.asked == Asked::Execute;
        if alone {
            self.expected.pop_front();
        }
        match first.cut {
            Some(Point::Commit) if tag == b"COMMIT\0" => return true,
            // ROLLBACK, for the transaction had failed. In a query it may be the answer to an earlier statement.
            Some(Point::Commit) if alone => self.missed(),
            // Not yet committed: a deferred constraint may still refuse it.
            Some(Point::Write) => drop(self.held.get_or_insert_default()),
            Some(Point::Commit) | None => {}
        }
        false
    }

    /// What was sent up to the next Sync is not done.
    fn fails(&mut self, forward: &mut Vec<u8>) {
        self.release(forward);
        while let Some(first) = self.expected.front_mut() {
            let (missed, ends) = (first.cut.take().is_some(), first.ends());
            if !ends {
                self.expected.pop_front();
            }
            if missed {
                self.missed();
            }
            if ends {
                break;
            }
        }
    }

    /// The server has done everything up to a Sync, and is outside a transaction, in one, or in one that failed. Whether
    /// that commits the write that is not to be heard of.
    fn is_ready(&mut self, state: &[u8], forward: &mut Vec<u8>) -> bool {
        let outside = state == b"I";
        if self.held.is_some() && outside {
            return true;
        }
        self.release(forward);
        while let Some(first) = self.expected.pop_front() {
            if first.cut == Some(Point::Commit) {
                self.missed();
            }
            if first.ends() {
                break;
            }
        }
        if self.expected.is_empty() {
            self.in_transaction = !outside;
        }
        if self.signed_in {
            count(&self.fate.tally.round_trips);
        }
        self.signed_in = true;
        false
    }

    /// The write was not committed: its answer is heard after all.
    fn release(&mut self, forward: &mut Vec<u8>) {
        if let Some(held) = self.held.take() {
            forward.extend(held);
            self.missed();
        }
    }

    fn missed(&self) {
        self.fate.plan.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).missed();
    }
}

impl Expected {
    /// Whether its answer ends with ReadyForQuery.
    fn ends(self) -> bool {
        matches!(self.asked, Asked::Sync | Asked::Query)
    }
}
