//! How does a server get a certificate that a client can verify?

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use crate::programs::{Owner, run};

/// Makes `server.pem` and `server.key` for these host names and addresses, and `ca.pem`, the authority that signed them,
/// with the program `openssl`. The authority's key is thrown away.
pub(crate) fn make(owner: Owner, folder: &Path, names: &[String]) {
    owner.write(&folder.join("openssl.cnf"), configuration(names));
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        run(command.args(line.split(' ')).current_dir(folder));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.cnf";
    openssl(&format!("req -x509 {key} -extensions authority -days 3650 -keyout ca.key -out ca.pem"));
    openssl(&format!("req -new {key} -keyout server.key -out server.csr"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile openssl.cnf \
         -extensions server -out server.pem",
    );
    let kept = ["server.pem", "server.key", "ca.pem"].map(|name| owner.take(&folder.join(name)));
    let thrown = fs::remove_file(folder.join("ca.key"));
    for done in kept.into_iter().chain([thrown]) {
        done.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
}

fn configuration(names: &[String]) -> String {
    let kind = |name: &String| if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    let names: Vec<String> = names.iter().map(|name| format!("{}:{name}", kind(name))).collect();
    format!(
        "[req]\nprompt = no\ndistinguished_name = name\n\
         [name]\nCN = Countersign testbed\n\
         [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = serverAuth\nsubjectAltName = {}\n",
        names.join(", ")
    )
}
