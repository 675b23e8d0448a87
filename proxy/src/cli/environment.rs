//! Settings from the environment: lists, and names that nobody knows.

use std::collections::BTreeSet;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Set by hand where `--attempts token` is: a secret has no flag, because every user of a machine can read its flags.
pub(super) const ATTEMPTS_TOKEN: &str = "TIDEOVER_ATTEMPTS_TOKEN";

/// In place of `--admin-token-file`.
pub(super) const ADMIN_TOKEN: &str = "TIDEOVER_ADMIN_TOKEN";

/// The value of a name that is set, and not to nothing: compose files and charts write `NAME: ${NAME:-}`, and an image's own
/// setting is taken back by an empty one.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same command line, whose flags do not see what is [`set`] to nothing.
pub(super) fn without_empty(whole: Command) -> Command {
    whole.mut_subcommands(|command| {
        command.mut_args(|argument| {
            let is_empty = argument
                .get_env()
                .and_then(std::env::var_os)
                .is_some_and(|value| value.is_empty());
            if is_empty {
                argument.env(Resettable::Reset)
            } else {
                argument
            }
        })
    })
}

/// The values of the list flag `id`: as given on the command line, or one value from the environment, split on white space.
pub(super) fn list(given: &ArgMatches, id: &str, values: &[String]) -> Vec<String> {
    if given.value_source(id) == Some(ValueSource::EnvVariable) {
        values
            .iter()
            .flat_map(|value| value.split_whitespace())
            .map(str::to_owned)
            .collect()
    } else {
        values.to_owned()
    }
}

/// Says which `TIDEOVER_*` names mean nothing: a typing mistake, or (harmless) what Kubernetes injects for a Service of that name.
pub(super) fn warn_of_unknown(whole: &Command) {
    let names = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect::<Vec<_>>();
    let unknown = unknown(whole, names.iter().map(String::as_str));
    if !unknown.is_empty() {
        eprintln!(
            "tideover: warning: no flag has the environment's {}; ignored (`tideover run --help` lists the names)",
            unknown.join(", ")
        );
    }
}

fn unknown<'n>(whole: &Command, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let known = whole
        .get_subcommands()
        .flat_map(Command::get_arguments)
        .filter_map(|argument| argument.get_env()?.to_str())
        .chain([ATTEMPTS_TOKEN, ADMIN_TOKEN])
        .collect::<BTreeSet<_>>();
    names
        .filter(|name| name.starts_with("TIDEOVER_") && !known.contains(name))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::unknown;
    use crate::cli::Cli;

    #[test]
    fn only_names_that_no_flag_has_are_unknown() {
        let names = [
            "PATH",
            "TIDEOVER_LISTEN",
            "TIDEOVER_LISTNE",
            "TIDEOVER_ATTEMPTS_TOKEN",
            "TIDEOVER_ADMIN_TOKEN",
            "TIDEOVER_PORT_8000_TCP",
        ];
        assert_eq!(
            unknown(&Cli::command(), names.into_iter()),
            ["TIDEOVER_LISTNE", "TIDEOVER_PORT_8000_TCP"]
        );
    }
}
