//! Countersign: a sign-in server that speaks the contract your application has already.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    countersign_server::cli::main()
}
