//! What do a client and a server say to each other, and who is to hear it?
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::counts::Tally;
use super::plan::{Plan, Point};
use super::sql::Effect;

/// What all connections share: what is to befall them, and what has gone through.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) plan: Mutex<Plan>,
    pub(super) tally: Tally,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Client,
    Server,
}

/// What becomes of what was said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Passed on to the other side.
    pub(super) forward: Vec<u8>,
    /// After that the connection is cut.
    pub(super) cut: bool,
}

/// A message that the server has not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) asked: Asked,
    /// The commit that is not to be heard of.
    pub(super) cut: Option<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    /// A simple query or a function call: its answer ends as that of a Sync does.
    Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client's first messages have no type.
    Start,
    /// The client asked for encryption; the answer is a single byte.
    Asked,
    /// Messages with a type.
    Talk,
    /// Encrypted, or no dialogue at all: passed on unread.
    Opaque,
}

/// One connection's dialogue, read as far as it was heard.
#[derive(Debug)]
pub(super) struct Dialogue {
    pub(super) fate: Arc<Fate>,
    phase: Phase,
    /// Messages that were not heard to their end.
    unread: [Vec<u8>; 2],
    /// What prepared statements and portals do, by their names.
    pub(super) statements: HashMap<Vec<u8>, Option<Effect>>,
    pub(super) portals: HashMap<Vec<u8>, Option<Effect>>,
    pub(super) expected: VecDeque<Expected>,
    pub(super) signed_in: bool,
    /// Whether a transaction is open, once everything is done that the client has sent.
    pub(super) in_transaction: bool,
    /// The answer to a write, until it is known whether it was committed.
    pub(super) held: Option<Vec<u8>>,
    cut: bool,
}

impl Dialogue {
    pub(super) fn new(fate: Arc<Fate>) -> Dialogue {
        Dialogue {
            fate,
            phase: Phase::Start,
            unread: [Vec::new(), Vec::new()],
            statements: HashMap::new(),
            portals: HashMap::new(),
            expected: VecDeque::new(),
            signed_in: false,
            in_transaction: false,
            held: None,
            cut: false,
        }
    }

    /// Hears what one side says.
    pub(super) fn hear(&mut self, from: From, bytes: &[u8]) -> Verdict {
        let mut verdict = Verdict::default();
        if self.cut {
            return verdict;
        }
        let mut unread = std::mem::take(&mut self.unread[from as usize]);
        unread.extend_from_slice(bytes);
        let mut rest = unread.as_slice();
        while !verdict.cut && !rest.is_empty() {
            let Some(length) = self.length(from, rest) else { break };
            let (message, after) = rest.split_at(length);
            rest = after;
            verdict.cut = self.message(from, message, &mut verdict.forward);
        }
        self.unread[from as usize] = rest.to_vec();
        self.cut = verdict.cut;
        verdict
    }

    /// How long the first message is. None when it is not yet there as a whole.
    fn length(&self, from: From, bytes: &[u8]) -> Option<usize> {
        let counted = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
        let length = match (self.phase, from) {
            (Phase::Opaque, _) => bytes.len(),
            (Phase::Asked, From::Server) => 1,
            // A TLS handshake without asking first.
            (Phase::Start, From::Client) if bytes[0] == 0x16 => bytes.len(),
            (Phase::Start, From::Client) => counted(0)?.max(8),
            (Phase::Talk | Phase::Start | Phase::Asked, _) => 1 + counted(1)?.max(4),
        };
        (length <= bytes.len()).then_some(length)
    }

    /// Whether a message cuts the connection; if not, or before it does, it is passed on.
    fn message(&mut self, from: From, message: &[u8], forward: &mut Vec<u8>) -> bool {
        match (self.phase, from) {
            (Phase::Talk, From::Client) => {
                if self.client_says(message[0], &message[5..]) {
                    return true;
                }
                forward.extend_from_slice(message);
                false
            }
            (Phase::Talk, From::Server) => self.server_says(message, forward),
            (Phase::Start, From::Client) => {
                self.phase = after_start(message);
                forward.extend_from_slice(message);
                false
            }
            (Phase::Asked, From::Server) => {
                self.phase = if message == b"N" { Phase::Start } else { Phase::Opaque };
                forward.extend_from_slice(message);
                false
            }
            (Phase::Opaque, _) | (Phase::Start, From::Server) | (Phase::Asked, From::Client) => {
                forward.extend_from_slice(message);
                false
            }
        }
    }
}

/// What follows a message without a type.
fn after_start(message: &[u8]) -> Phase {
    match message.get(4..8) {
        // SSLRequest and GSSENCRequest.
        Some([4, 210, 22, 47 | 48]) => Phase::Asked,
        // Version 3.
        Some([0, 3, _, _]) => Phase::Talk,
        // CancelRequest, and TLS without asking.
        _ => Phase::Opaque,
    }
}
