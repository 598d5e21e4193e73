//! How is an argon2 hash computed, and in which memory?

use super::HashFault;
use super::argon2::Recipe;
use ::argon2::Block;
use argon2_rust::params::{Memory, TagLen};
use zeroize::Zeroize as _;

/// The cost of the hashes that are written. Within the caps of argon2id, so that what is written can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Params {
    /// The floor of SEC-07, and the default: 19 MiB, two passes, one lane.
    pub const DEFAULT: Params = Params { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// Checks a cost. Whether it is enough is the configuration's question (SEC-07), not asked here.
    ///
    /// # Errors
    /// A zero, less than 8 KiB a lane (RFC 9106 section 3.1), or more than the caps of SEC-114.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Params, HashFault> {
        // Read back as a stored hash would be: one place knows the bounds.
        let text = super::argon2::phc(&Params { memory_kib, passes, lanes }, &[0; 16], &[0; 32]);
        super::Hash::parse(&text).map(|_| Params { memory_kib, passes, lanes })
    }

    /// Memory, in KiB.
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }
}

impl Default for Params {
    fn default() -> Params {
        Params::DEFAULT
    }
}

/// Which implementation of argon2 computes. Both give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Vector instructions chosen at run time, huge pages where there are any.
    Simd,
    /// Portable code, about half as fast.
    Portable,
}

/// The memory of one hashing thread, kept between hashes and wiped after each.
///
/// Never holds on to more than it was told to keep: a larger imported hash gives its memory back at once.
pub struct Workspace {
    arena: Arena,
    kept_kib: u32,
}

enum Arena {
    Simd(Box<argon2_rust::Hasher>),
    Portable(Vec<Block>),
}

impl Workspace {
    /// An empty workspace that will keep the memory of one hash of the default cost.
    pub fn new(backend: Backend) -> Workspace {
        Workspace::keeping(backend, &Params::DEFAULT)
    }

    /// An empty workspace that will keep the memory of one hash of this cost.
    pub fn keeping(backend: Backend, params: &Params) -> Workspace {
        let any = argon2_rust::Argon2::new(
            argon2_rust::Algorithm::Argon2id,
            argon2_rust::Version::V0x13,
            argon2_rust::Params::DEFAULT,
        );
        let arena = match backend {
            Backend::Simd => Arena::Simd(Box::new(any.hasher())),
            Backend::Portable => Arena::Portable(Vec::new()),
        };
        Workspace { arena, kept_kib: params.memory_kib }
    }

    /// The memory held now, in KiB.
    pub fn held_kib(&self) -> usize {
        match &self.arena {
            Arena::Simd(hasher) => hasher.reserved_blocks(),
            Arena::Portable(blocks) => blocks.capacity(),
        }
    }

    /// Gives all memory back. The next hash takes it anew.
    pub fn release(&mut self) {
        match &mut self.arena {
            Arena::Simd(hasher) => hasher.clear(),
            Arena::Portable(blocks) => *blocks = Vec::new(),
        }
    }

    /// Computes one argon2 hash into `tag`. The recipe, salt and tag length have been held to their bounds.
    pub(super) fn argon2(&mut self, recipe: &Recipe, password: &[u8], salt: &[u8], tag: &mut [u8]) {
        match &mut self.arena {
            Arena::Simd(hasher) => simd(hasher, recipe, password, salt, tag),
            Arena::Portable(blocks) => portable(blocks, recipe, password, salt, tag),
        }
        if self.held_kib() > self.kept_kib as usize {
            self.release();
        }
    }
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workspace({} KiB)", self.held_kib())
    }
}

fn simd(hasher: &mut argon2_rust::Hasher, recipe: &Recipe, password: &[u8], salt: &[u8], tag: &mut [u8]) {
    // One thread whatever the lanes: the hashing threads already fill the cores.
    let params = argon2_rust::Params::builder()
        .memory(Memory::kib(u64::from(recipe.memory_kib)))
        .passes(recipe.passes)
        .lanes(recipe.lanes)
        .threads(1)
        .tag_len(TagLen::bytes(tag.len() as u64))
        .build()
        .expect("the recipe was checked when it was read");
    hasher.set_argon2(argon2_rust::Argon2::new(recipe.variant.simd(), recipe.version.simd(), params));
    hasher.hash_into(password, salt, tag).expect("the system gives the memory of one hash");
}

fn portable(blocks: &mut Vec<Block>, recipe: &Recipe, password: &[u8], salt: &[u8], tag: &mut [u8]) {
    let params = ::argon2::Params::new(recipe.memory_kib, recipe.passes, recipe.lanes, Some(tag.len()))
        .expect("the recipe was checked when it was read");
    let count = params.block_count();
    if blocks.len() < count {
        blocks.clear();
        blocks.reserve_exact(count);
        blocks.resize(count, Block::new());
    }
    let used = &mut blocks[..count];
    ::argon2::Argon2::new(recipe.variant.portable(), recipe.version.portable(), params)
        .hash_password_into_with_memory(password, salt, tag, &mut *used)
        .expect("salt and tag lengths were checked when they were read");
    for block in used {
        let words: &mut [u64] = block.as_mut();
        words.zeroize();
    }
}
