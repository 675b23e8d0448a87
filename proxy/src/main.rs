//! The `tideover` program: what the command line says, done by one file per command under `cli/`.

mod cli;

// The edge allocates a dozen small blocks per request on every worker: this is where the platform's allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
