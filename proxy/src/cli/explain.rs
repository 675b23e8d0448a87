//! `tideover explain`: what would happen to one request, and why, without sending anything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use tideover::{Question, explain as explained};
use tideover_config::load;

use super::client::encoded;
use super::overriding::Reading;
use super::paint::Paint;
use super::said;
use super::switch::{Admin, plain};

/// Flags of `explain`.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// `tideover.toml`, or a CloudFront distribution's JSON; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        env = "TIDEOVER_CONFIG",
        hide_env_values = true,
        required_unless_present = "live"
    )]
    config: Option<PathBuf>,
    /// Ask a running edge, which knows how its origins stand; by its config, so leave --config out
    #[arg(long, env = "TIDEOVER_LIVE", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    live: bool,
    #[command(flatten)]
    admin: Admin,
    /// GET, POST, …
    method: Method,
    /// The whole URL as a viewer would ask it, such as `https://www.example.com/cart?id=7`, or a path (for localhost)
    url: Uri,
    /// A header of the request [repeatable]
    #[arg(short = 'H', value_name = "NAME: VALUE", value_parser = header_line)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Print one JSON object
    #[arg(long, env = "TIDEOVER_JSON", hide_env_values = true,
          value_parser = clap::builder::BoolishValueParser::new())]
    json: bool,
    /// Exit with 1 unless this origin is asked first
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "TIDEOVER_EXPECT",
        hide_env_values = true
    )]
    expect: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

fn header_line(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("write NAME: VALUE")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is no header name"))?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("the value of {name} cannot be sent in a header"))?;
    Ok((name, value))
}

/// Exit code 0 if the request would get to an origin (to the one of `--expect`, if given), else 1.
pub(super) fn explain(options: &Options, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    if options.live {
        return explain_live(options);
    }
    let Some(config) = &options.config else {
        return Err(super::wrong_usage(
            "explain",
            "write --config FILE, or --live",
        ));
    };
    let loaded = match load(config, &options.reading.overrides("explain", given)?) {
        Ok(loaded) => loaded,
        Err(problems) => {
            said::problems(&problems.0, Paint::for_stderr());
            return Ok(ExitCode::FAILURE);
        }
    };
    let question = Question {
        method: options.method.clone(),
        url: options.url.clone(),
        headers: options.headers.clone(),
    };
    let paint = Paint::for_stdout();
    let told = explained(&loaded.edge, &question, |title| paint.bold(title));
    if options.json {
        said::print(&format!("{:#}\n", told.json))?;
    } else {
        said::print(&told.text)?;
    }
    Ok(code(options, told.first.as_deref()))
}

/// As a running edge sees it.
fn explain_live(options: &Options) -> anyhow::Result<ExitCode> {
    let place = options.admin.place("explain")?;
    let mut path = format!(
        "/explain?method={}&url={}",
        encoded(options.method.as_str()),
        encoded(&options.url.to_string())
    );
    for (name, value) in &options.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        path += &format!("&header={}", encoded(&format!("{name}: {value}")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut answer = match runtime.block_on(options.admin.ask(place, &path, None))? {
        Ok(answer) => answer,
        Err(why) => {
            eprintln!("tideover: {why}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let text = answer.as_object_mut().and_then(|all| all.remove("text"));
    if options.json {
        said::print(&format!("{answer:#}\n"))?;
    } else {
        let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(plain).collect();
        said::print(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(code(options, answer["asked_first"].as_str()))
}

fn code(options: &Options, first: Option<&str>) -> ExitCode {
    let Some(first) = first else {
        return ExitCode::FAILURE;
    };
    if let Some(expected) = &options.expect
        && first != expected
    {
        eprintln!("tideover: {first} would be asked first, not {expected}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
