//! `tideover fields`: what becomes of every field of a CloudFront config.

use std::process::ExitCode;

use clap::Args;
use tideover_config::{Fate, fields as all};

use super::paint::{Paint, columns};
use super::said;

/// Flags of `fields`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Print a JSON list
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
}

/// Prints the table.
pub(super) fn fields(options: &Options) -> anyhow::Result<ExitCode> {
    if options.json {
        let list: Vec<serde_json::Value> = all()
            .iter()
            .map(|field| {
                serde_json::json!({
                    "field": field.path,
                    "fate": field.fate.as_str(),
                    "says": field.says,
                })
            })
            .collect();
        said::print(&format!("{:#}\n", serde_json::Value::from(list)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; 3]> = all()
        .iter()
        .map(|field| {
            [
                field.path.to_owned(),
                field.fate.as_str().to_owned(),
                field.says.to_owned(),
            ]
        })
        .collect();
    let paint = Paint::for_stdout();
    let mut text = String::new();
    for (line, field) in columns(0, &rows).lines().zip(all()) {
        text += &match field.fate {
            Fate::Honoured => line.to_owned(),
            Fate::Meaningless => paint.dim(line),
            Fate::NotYet => paint.doubtful(line),
            Fate::NotEnforced => paint.bad(line),
        };
        text.push('\n');
    }
    let count = |fate| all().iter().filter(|field| field.fate == fate).count();
    text += &format!(
        "\n{} fields: {} honoured, {} meaningless here, {} not yet, {} NOT ENFORCED\n",
        all().len(),
        count(Fate::Honoured),
        count(Fate::Meaningless),
        count(Fate::NotYet),
        count(Fate::NotEnforced),
    );
    said::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
