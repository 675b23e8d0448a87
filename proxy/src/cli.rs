//! The command line: a contract that scripts rely on, and one file per command.
//!
//! Exit codes: 0 good, 1 could not start or a check failed, 2 wrong usage. Results go to standard output, everything
//! that is said about them to standard error.

mod check;
mod client;
mod container;
mod demo;
mod drill;
mod environment;
mod explain;
mod fields;
mod healthcheck;
mod invalidate;
mod journal;
mod maintenance;
mod open_files;
mod overriding;
mod paint;
mod petclinic;
mod run;
mod said;
mod status;
mod switch;
mod systemd;
mod target_words;
mod tier;
mod tiers;
mod watch;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// An HTTP edge that falls through an ordered list of origins, and still answers when all of them are down.
#[derive(Debug, Parser)]
#[command(
    name = "tideover",
    version,
    max_term_width = 110,
    after_help = "Every flag can also be set as TIDEOVER_<FLAG>, lists split on white space. \
                  `tideover demo` shows it at work without any config."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve.
    Run(Box<run::Options>),
    /// Say what is wrong with a config, or odd: all of it at once.
    Check(check::Options),
    /// Say what would happen to one request, and why.
    Explain(Box<explain::Options>),
    /// Three tiers and the edge on loopback, to play with, until Ctrl-C.
    Demo(demo::Options),
    /// Play the failover table on the demo's tiers, or every failure of a config's, and say whether all held.
    Drill(Box<drill::Options>),
    /// Every field of a CloudFront DistributionConfig, and what becomes of it here.
    Fields(fields::Options),
    /// Say on one screen what a running edge does: who answers, how every origin stands, what was switched.
    Status(status::Options),
    /// Switch an origin, a failover record or a distribution of a running edge.
    Switch(switch::Options),
    /// Have a running edge use nothing any more of what it keeps for some paths.
    Invalidate(invalidate::Options),
    /// List what was invalidated.
    Invalidations(invalidate::ListOptions),
    /// List the writes that the secondary of a failover record took.
    Journal(journal::Options),
    /// Ask a running edge whether it is alive: exit 0 or 1.
    Healthcheck(healthcheck::Options),
}

/// Does what the command line says; the process ends with the returned code.
pub(crate) fn main() -> ExitCode {
    let matches = environment::without_empty(Cli::command()).get_matches();
    let Some((_, given)) = matches.subcommand() else {
        unreachable!("clap demands a command")
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if !matches!(cli.command, Command::Healthcheck(_)) {
        environment::warn_of_unknown(&Cli::command());
    }
    tell_events(&cli.command);
    match obey(cli.command, given) {
        Ok(code) => code,
        Err(error) if said::reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("tideover: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn obey(command: Command, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(options) => run::run(*options, given),
        Command::Check(options) => check::check(&options, given),
        Command::Explain(options) => explain::explain(&options, given),
        Command::Demo(options) => demo::demo(&options),
        Command::Drill(options) => drill::drill(&options, given),
        Command::Fields(options) => fields::fields(&options),
        Command::Status(options) => status::status(&options),
        Command::Switch(options) => switch::switch(&options),
        Command::Invalidate(options) => invalidate::invalidate(&options),
        Command::Invalidations(options) => invalidate::invalidations(&options),
        Command::Journal(options) => journal::journal(&options),
        Command::Healthcheck(options) => healthcheck::healthcheck(&options),
    }
}

/// What happens while the edge runs goes to standard error; `RUST_LOG` chooses how much of it.
fn tell_events(command: &Command) {
    let usual = match command {
        // Its table says what was done to whom.
        Command::Drill(_) => "error",
        Command::Run(_)
        | Command::Check(_)
        | Command::Explain(_)
        | Command::Demo(_)
        | Command::Fields(_)
        | Command::Status(_)
        | Command::Switch(_)
        | Command::Invalidate(_)
        | Command::Invalidations(_)
        | Command::Journal(_)
        | Command::Healthcheck(_) => "info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && paint::colour_is_welcome())
        .with_target(false)
        .init();
}

/// Wrong usage that clap cannot see by itself: printed as clap prints its own, exit code 2.
fn wrong_usage(command: &str, message: &str) -> anyhow::Error {
    let mut whole = Cli::command();
    whole.build();
    let error = match whole.find_subcommand_mut(command) {
        Some(found) => found.error(clap::error::ErrorKind::ValueValidation, message),
        None => whole.error(clap::error::ErrorKind::ValueValidation, message),
    };
    error.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_can_be_set_from_the_environment_under_its_own_name() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let Some(flag) = argument.get_long() else {
                    continue;
                };
                let name = argument.get_env().and_then(|name| name.to_str());
                let expected = format!("TIDEOVER_{}", flag.to_uppercase().replace('-', "_"));
                assert_eq!(
                    name,
                    Some(expected.as_str()),
                    "{} --{flag}",
                    command.get_name()
                );
            }
        }
    }
}
