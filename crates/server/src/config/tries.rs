//! Which numbers of `[limits]` say how often something may be tried?

use super::{ConfigFault, Reading};
use domain::limit::{Alarm, Backoff, Limits, Pairs, Rate};
use std::time::Duration;

/// Reads them. Each has bounds of its own, so whatever is read is a budget that ends and comes back.
pub(super) fn read(read: &Reading<'_>) -> Result<Limits, ConfigFault> {
    let rate = |name, seconds| Ok::<_, ConfigFault>(Rate::new(read.small(name)?, seconds));
    let seconds = |name| Ok::<_, ConfigFault>(whole(read.span(name)?));
    Ok(Limits {
        enabled: read.switch("limits.enabled")?,
        account: Backoff {
            free: read.small("limits.free_failures")?,
            longest_wait_seconds: seconds("limits.longest_wait")?,
            most: read.small("limits.most_failures")?,
        },
        off_for_devices: read.switch("limits.off_for_devices")? || read.text("preset")? == "strict",
        device_failures: rate("limits.device_failures", 600)?,
        device_days: read.small("limits.device_days")?,
        client_failures: [rate("limits.client_failures", 600)?, rate("limits.client_failures_hour", 3600)?],
        wide_factor: read.small("limits.network_factor")?,
        client_requests: Rate {
            count: read.small("limits.client_requests")?,
            seconds: 60,
            burst: read.small("limits.client_burst")?,
        },
        pairs: Pairs {
            most: read.small("limits.pairs")?,
            window_seconds: seconds("limits.pairs_window")?,
            block_seconds: seconds("limits.pairs_block")?,
        },
        sign_ups: rate("limits.sign_ups", 3600)?,
        refreshes: rate("limits.refreshes", 60)?,
        alarm: Alarm { percent: read.small("limits.alarm_percent")?, ..Limits::DEFAULT.alarm },
    })
}

fn whole(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}
