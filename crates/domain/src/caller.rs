//! Who asks, through which contract?

use crate::contract::Contract;
use crate::secret::Secret;
use crate::token::KeySet;

/// The credential that came with the request, before anybody looked at it.
#[derive(Clone, Debug, Default)]
pub enum Bearer {
    /// None, or of a scheme that is not ours.
    #[default]
    Absent,
    /// Our scheme, but not in the form that it has.
    Malformed,
    /// A token.
    Token(Secret),
}

/// What a page of ours sent along with its cookies.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The tokens that came in cookies. The proof must be for the session of each (SEC-73, SEC-75).
    pub tokens: Vec<Secret>,
    /// The proof that the page could read what we told it.
    pub csrf: Option<Secret>,
}

/// Everything about a request that is not in the command.
#[derive(Clone, Debug)]
pub struct Caller<'a> {
    /// The rules of the mount.
    pub contract: &'a Contract,
    /// The keys of the mount.
    pub keys: &'a KeySet,
    /// The access token.
    pub bearer: Bearer,
    /// The page of ours that sent the request; none where cookies are neither read nor set.
    pub page: Option<Page>,
    /// The device token that came with the request, before anybody looked at it.
    pub device: Option<Secret>,
    /// Client address as text, as far as it is known.
    pub address: String,
    /// Whether the address is the client's own. Otherwise it is that of a proxy, and nothing is counted against it.
    pub derived: bool,
    /// Client software, cut to 256 bytes.
    pub user_agent: String,
    /// Languages that the client wants, as in `Accept-Language`, cut to 128 bytes.
    pub language: String,
    /// Id of the request, as in the log.
    pub request: String,
}
