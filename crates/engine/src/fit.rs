//! Which texts become passwords? Only a [`Fit`] one is hashed, and only here is one made.
//!
//! First the rules of the contract, then, where the operator has named a service, whether the password is known from a
//! breach. A service that does not answer refuses nobody (SEC-06).

use crate::Engine;
use domain::breach::{BreachFault, Fingerprint, Prefix};
use domain::contract::PasswordPolicy;
use domain::input::{Flaw, Input, Rule};
use domain::password::prepare;
use domain::policy::OwnWords;
use domain::rule::password::flaws;
use domain::secret::Secret;
use std::pin::Pin;
use std::sync::Arc;

type Answer = Pin<Box<dyn Future<Output = Result<String, BreachFault>> + Send>>;

/// How to ask a service for the breached passwords with a prefix. It never gets to know more of a password.
#[derive(Clone)]
pub struct Breaches(Arc<dyn Fn(Prefix) -> Answer + Send + Sync>);

impl Breaches {
    /// Asks with this function. It keeps its own time limit and its own bound on the answer.
    pub fn new<F, A>(ask: F) -> Breaches
    where
        F: Fn(Prefix) -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, BreachFault>> + Send + 'static,
    {
        Breaches(Arc::new(move |prefix| Box::pin(ask(prefix))))
    }
}

impl std::fmt::Debug for Breaches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Breaches(…)")
    }
}

/// A new password that broke no rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<'p>(&'p Secret);

impl<'p> Fit<'p> {
    /// As typed, for the hasher.
    pub fn password(self) -> &'p Secret {
        self.0
    }
}

/// What a service has said of the one new password of a command, so that it is asked once however often the command
/// looks again.
#[derive(Debug, Default)]
pub(crate) struct LookUp(tokio::sync::OnceCell<Result<bool, BreachFault>>);

impl LookUp {
    /// Why there was no answer, if one was asked for.
    pub fn fault(&self) -> Option<BreachFault> {
        self.0.get().and_then(|answer| answer.err())
    }
}

impl Engine {
    /// Judges a new password. Refused: everything that is wrong with it.
    ///
    /// A policy that takes common passwords takes breached ones, too, and nobody is asked.
    pub(crate) async fn fit<'p>(
        &self,
        policy: &PasswordPolicy,
        input: Input,
        typed: &'p Secret,
        own: &OwnWords<'_>,
        look_up: &LookUp,
    ) -> Result<Fit<'p>, Vec<Flaw>> {
        let flaws = flaws(policy, input, typed, own);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        match &self.inner.breaches {
            Some(breaches) if policy.refuse_common => {
                let answer = look_up.0.get_or_init(|| ask(breaches, typed)).await;
                if *answer == Ok(true) {
                    Err(vec![Flaw::new(input, Rule::PasswordCommon)])
                } else {
                    Ok(Fit(typed))
                }
            }
            Some(_) | None => Ok(Fit(typed)),
        }
    }
}

async fn ask(breaches: &Breaches, typed: &Secret) -> Result<bool, BreachFault> {
    // What can not be prepared was refused before.
    let Ok(prepared) = prepare(typed.expose()) else { return Ok(false) };
    let fingerprint = Fingerprint::of(&prepared);
    let found = match (breaches.0)(fingerprint.prefix().clone()).await {
        Ok(answer) => fingerprint.is_in(&answer),
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &found {
        tracing::warn!(%fault, "a new password was taken without a look-up in breaches");
    }
    found
}
