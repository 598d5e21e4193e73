//! How fast could this machine be at best? Raw hashes and durable writes, measured beside each row.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Algorithm, Argon2, Params, Version};

use crate::process::own_cpu;
use crate::tally::median;
use crate::{Outcome, wrong};

/// The cost of every hash here, in KiB, passes and lanes: what Countersign writes by default.
pub const COST: (u64, u32, u32) = (19_456, 2, 1);

fn argon2id() -> Outcome<Argon2> {
    let params = Params::builder()
        .memory(Memory::kib(COST.0))
        .passes(COST.1)
        .lanes(COST.2)
        .tag_len(TagLen::bytes(32))
        .build()
        .map_err(|fault| wrong(format!("argon2 parameters: {fault}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password, with a fixed salt: the accounts of a benchmark protect nothing.
///
/// # Errors
/// The memory for one hash cannot be had.
pub fn phc(password: &str) -> Outcome<String> {
    argon2id()?
        .hash_encoded(password.as_bytes(), b"benchmark-salt-1")
        .map_err(|fault| wrong(format!("argon2: {fault}")))
}

/// Raw hashing: by the clock, and by processor time.
#[derive(Debug, Clone, Copy)]
pub struct Hashing {
    /// Hashes a second.
    pub rate: f64,
    /// Processor milliseconds of one.
    pub cpu_ms: f64,
}

/// Argon2id hashes on `threads` threads, each with memory of its own that it keeps.
///
/// # Errors
/// The memory for one hash cannot be had.
pub fn hashing(threads: usize, span: Duration) -> Outcome<Hashing> {
    let (start, before) = (Instant::now(), own_cpu()?);
    let workers: Vec<_> =
        (0..threads).map(|_| std::thread::spawn(move || hash_until(start + span))).collect();
    let mut count = 0;
    for worker in workers {
        count += worker.join().map_err(|_| wrong("a hashing thread panicked"))??;
    }
    let spent = own_cpu()?.saturating_sub(before);
    Ok(Hashing {
        rate: f64::from(count) / start.elapsed().as_secs_f64(),
        cpu_ms: spent.as_secs_f64() * 1e3 / f64::from(count.max(1)),
    })
}

fn hash_until(end: Instant) -> Outcome<u32> {
    let mut hasher = argon2id()?.hasher();
    let (mut count, mut tag) = (0, [0_u8; 32]);
    while Instant::now() < end {
        hasher
            .hash_into(b"correct horse battery staple", b"benchmark-salt-1", &mut tag)
            .map_err(|fault| wrong(format!("argon2: {fault}")))?;
        std::hint::black_box(&tag);
        count += 1;
    }
    Ok(count)
}

/// The median time of one 4 KiB write and fdatasync, into the space of a file that is there already, as a
/// write-ahead log has it once it has been checkpointed.
///
/// # Errors
/// The disk refuses.
pub fn fsync(directory: &Path, span: Duration) -> Outcome<Duration> {
    const BLOCK: usize = 4096;
    const BLOCKS: u64 = 256;
    let path = directory.join("fsync.probe");
    let file = File::create(&path)?;
    let block = [0xa5_u8; BLOCK];
    for index in 0..BLOCKS {
        file.write_all_at(&block, index * BLOCK as u64)?;
    }
    file.sync_all()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < span || times.len() < 20 {
        let offset = (times.len() as u64 % BLOCKS) * BLOCK as u64;
        let began = Instant::now();
        file.write_all_at(&block, offset)?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64());
    }
    std::fs::remove_file(&path)?;
    Ok(Duration::from_secs_f64(median(times)))
}
