//! Where and when are pictures made, so that uploads fill neither memory nor the threads that answer requests?

use super::{Picture, PictureFlaw, PictureLimits, reencode};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why no picture came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeveloped {
    /// The upload is at fault.
    #[error(transparent)]
    Flaw(#[from] PictureFlaw),
    /// Too many wait already.
    #[error("too many pictures are waiting")]
    Busy,
    /// The work was broken off by a shutdown.
    #[error("the picture was not finished")]
    Gone,
}

/// Where pictures are made: few at once, away from the threads that answer requests.
#[derive(Clone, Debug)]
pub struct Darkroom {
    limits: PictureLimits,
    /// Those inside and those before the door: each holds its upload in memory.
    places: Arc<Semaphore>,
    inside: Arc<Semaphore>,
}

impl Darkroom {
    const INSIDE: usize = 2;
    const PLACES: usize = 16;

    /// A room for two, with fourteen waiting.
    pub fn new(limits: PictureLimits) -> Darkroom {
        let places = Arc::new(Semaphore::new(Darkroom::PLACES));
        Darkroom { limits, places, inside: Arc::new(Semaphore::new(Darkroom::INSIDE)) }
    }

    /// As [`reencode`], on a blocking thread of the runtime.
    ///
    /// # Errors
    /// See [`NotDeveloped`].
    pub async fn develop(&self, bytes: Vec<u8>) -> Result<Picture, NotDeveloped> {
        if bytes.len() > self.limits.bytes {
            return Err(PictureFlaw::TooManyBytes.into());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| NotDeveloped::Busy)?;
        let inside = Arc::clone(&self.inside).acquire_owned().await.map_err(|_| NotDeveloped::Gone)?;
        let limits = self.limits;
        let work = tokio::task::spawn_blocking(move || {
            // The permits belong to the work: a client that leaves does not let another one in.
            let _permits = (place, inside);
            reencode(&bytes, &limits)
        });
        match work.await {
            Ok(result) => result.map_err(NotDeveloped::Flaw),
            Err(error) if error.is_panic() => {
                tracing::error!("a picture decoder panicked; the upload is refused");
                Err(PictureFlaw::NotAPicture.into())
            }
            Err(_) => Err(NotDeveloped::Gone),
        }
    }
}
