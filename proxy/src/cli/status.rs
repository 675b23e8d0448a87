//! `tideover status`: what a running edge does, on one screen.

use std::process::ExitCode;

use clap::Args;

use super::said;
use super::switch::Admin;

/// Flags of `status`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    admin: Admin,
}

/// Exit code 0 if an edge answered.
pub(super) fn status(options: &Options) -> anyhow::Result<ExitCode> {
    let place = options.admin.place("status")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(options.admin.ask(place, "/status.json", None))? {
        Ok(answer) => {
            said::print(&format!("{answer:#}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("tideover: {why}");
            Ok(ExitCode::FAILURE)
        }
    }
}
