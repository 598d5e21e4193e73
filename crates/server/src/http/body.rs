//! What is in the body, within its bounds of size and time? (SEC-100, SEC-102)

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::time::Duration;

/// What is read of a body that is too large, so that its sender gets to see the refusal.
const MOST_DRAINED: usize = 2 << 20;
/// For how long.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// More bytes than the limit, announced or sent.
    TooLarge,
    /// It did not come in time.
    Slow,
    /// It broke off, or is not framed rightly.
    Broken,
}

/// Reads a body of at most `limit` bytes. `waits` says that the sender asked before sending (Expect).
pub async fn read(mut body: Incoming, limit: usize, time: Duration, waits: bool) -> Result<Bytes, BodyFault> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        if !waits && announced <= MOST_DRAINED as u64 {
            drain(body).await;
        }
        return Err(BodyFault::TooLarge);
    }
    match tokio::time::timeout(time, collect(&mut body, limit)).await {
        Ok(Err(BodyFault::TooLarge)) => {
            drain(body).await;
            Err(BodyFault::TooLarge)
        }
        Ok(read) => read,
        Err(_) => Err(BodyFault::Slow),
    }
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, BodyFault> {
    let mut first = Bytes::new();
    let mut all: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyFault::Broken)?.into_data() else { continue };
        let length = all.as_ref().map_or(first.len(), BytesMut::len) + data.len();
        if length > limit {
            return Err(BodyFault::TooLarge);
        }
        match &mut all {
            Some(all) => all.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let mut joined = BytesMut::with_capacity(length.next_power_of_two().min(limit));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                all = Some(joined);
            }
        }
    }
    Ok(all.map_or(first, BytesMut::freeze))
}

/// Reads on for a moment and forgets it.
async fn drain(mut body: Incoming) {
    let reading = async {
        let mut left = MOST_DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            if length > left {
                return;
            }
            left -= length;
        }
    };
    // Whether it was all or the time was up: the answer is the same.
    drop(tokio::time::timeout(DRAIN_TIME, reading).await);
}
