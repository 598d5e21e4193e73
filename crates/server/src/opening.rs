//! With which secrets is the engine opened?

use crate::config::Config;
use crate::keys::{KeyFaults, Keys};
use domain::secret::SecretBytes;
use engine::{Breaches, Chance, Clock, Settings};

/// How often the keys are looked for again when another node was first with its own.
pub const TRIES: usize = 3;
/// What is said when it was first every time.
pub const BEATEN: &str = "other nodes keep changing the keys in the database; try again in a moment";

/// What tickets, the trail and everything sealed in the database need.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Seals tickets.
    pub tickets: SecretBytes,
    /// Seals the audit trail.
    pub trail: SecretBytes,
    /// Secrets in the database are sealed under it.
    pub master: SecretBytes,
}

impl Secrets {
    /// Reads them; makes those of a first start. Refused: everything that is wrong with them at once.
    pub async fn read(keys: &mut Keys, clock: &Clock, chance: &Chance) -> Result<Secrets, Vec<KeyFaults>> {
        let tickets = keys.tickets(chance, clock.now()).await;
        let tickets = tickets.and_then(|tickets| Ok((tickets, keys.trail()?)));
        match (keys.master(chance).await, tickets) {
            (Ok(master), Ok((tickets, trail))) => Ok(Secrets { tickets, trail, master }),
            (master, tickets) => Err(master.err().into_iter().chain(tickets.err()).collect()),
        }
    }

    /// The settings of an engine.
    pub fn settings(
        self,
        config: &Config,
        clock: Clock,
        chance: Chance,
        breaches: Option<Breaches>,
    ) -> Settings {
        Settings {
            place: config.database(),
            ticket_secret: self.tickets,
            trail_secret: self.trail,
            master_key: self.master,
            hashing: config.hashing.clone(),
            clock,
            chance,
            house: config.house.clone(),
            breaches,
        }
    }
}
