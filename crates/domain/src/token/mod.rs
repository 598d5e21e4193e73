//! Which tokens are ours, what do they say, and how are they made?
//!
//! Nothing here reads the time of day. Only the key generators in [`keys`] and ES256 signatures draw chance of their own.

mod claims;
mod device;
mod jwk;
mod jwks;
mod jwt;
pub mod keys;
mod link;
mod old;
mod ticket;

#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use device::{Blind, Device, DeviceKey};
pub use jwks::{JwksFault, MAX_JWKS_BYTES, read_jwks};
pub use jwt::{HeaderPlan, MAX_TOKEN_BYTES, TokenFault};
pub use keys::{Algorithm, Key, KeyFault, KeySet};
pub use link::LinkKey;
pub use old::{OldKey, OldKeys, TokenUse};
pub use ticket::{CSRF_RANDOM, Digest, Kind, RefreshTicket, Ticket, TicketKey};
