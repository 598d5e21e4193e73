//! What is a node among others like?

use crate::world::{World, cheap, opaque};
use countersign_engine::{Chance, Clock, Engine, Place, PostgresAddress, PostgresSettings, Settings};
use domain::house::{House, RecoveryRules};
use domain::limit::Limits;
use domain::secret::SecretBytes;

impl World {
    /// A node on a PostgreSQL, with the machine's clock and chance. All nodes have the same keys.
    pub async fn node(access: &testbed::Access, recovery: RecoveryRules) -> World {
        let secret: Vec<u8> = (0..32).collect();
        let address = PostgresAddress::parse(&access.url()).unwrap();
        let engine = Engine::open(Settings {
            place: Place::Postgres(Box::new(address), PostgresSettings::default()),
            ticket_secret: SecretBytes::new(secret.clone()),
            trail_secret: SecretBytes::new(secret.clone()),
            master_key: SecretBytes::new(secret),
            hashing: cheap(),
            clock: Clock::System,
            chance: Chance::System,
            house: House { limits: Limits::OFF, recovery, ..House::default() },
            breaches: None,
        });
        World::of(engine.await.unwrap(), opaque(), None)
    }
}
