//! Whose address would the server derive for a request? (SEC-22)

use super::terminal::{Ended, line, out};
use crate::config::Config;
use crate::http::client::{self, address_key};
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use std::net::IpAddr;

/// A request as `doctor --address` looks at it.
#[derive(Args, Debug)]
pub struct AddressArgs {
    /// Only say which client address is derived for a request from --peer with these headers
    #[arg(long, requires = "peer")]
    address: bool,
    /// Address at the other end of the connection
    #[arg(long, value_name = "IP", requires = "address")]
    peer: Option<IpAddr>,
    /// A header of the request, as "Name: value"; can be given several times
    #[arg(long = "header", value_name = "LINE", requires = "address")]
    headers: Vec<String>,
}

/// Tells whose address it would be. None: that was not asked.
pub fn run(args: &AddressArgs, as_json: bool, config: &Config) -> Option<Result<(), Ended>> {
    let peer = args.peer.filter(|_| args.address)?;
    Some(read(&args.headers).map(|headers| tell(peer, &headers, as_json, config)))
}

fn read(lines: &[String]) -> Result<HeaderMap, Ended> {
    let mut headers = HeaderMap::new();
    for text in lines {
        let fault =
            || Ended { code: 2, messages: vec![format!("{text:?} is not a header like \"Name: value\"")] };
        let (name, value) = text.split_once(':').ok_or_else(fault)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| fault())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| fault())?);
    }
    Ok(headers)
}

fn tell(peer: IpAddr, headers: &HeaderMap, as_json: bool, config: &Config) {
    let trusted = &config.trusted_proxies;
    let origin = client::origin(peer, headers, trusted);
    let is_proxy = trusted.iter().any(|network| network.contains(&client::canonical(peer)));
    let why = match (origin.is_client(), is_proxy) {
        (true, false) => "the peer is no trusted proxy: headers are ignored",
        (true, true) => {
            "named by X-Forwarded-For, read from the right up to the first hop that is not trusted"
        }
        (false, _) => "a trusted proxy that names nobody: only per-account limits hold",
    };
    let address = origin.address();
    let counted = origin.is_client().then(|| address_key(address).to_string());
    if as_json {
        let told = json!({ "address": address.to_string(), "counted_as": counted, "why": why });
        return out(&format!("{told:#}\n"));
    }
    line(&format!("address     {address}"));
    line(&format!("counted as  {}", counted.as_deref().unwrap_or("nobody")));
    line(&format!("because     {why}"));
}
