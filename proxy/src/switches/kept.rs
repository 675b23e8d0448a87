//! The file in which switches outlive the edge: JSON, times in seconds since 1970.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{Kind, MOST, Switch, To};
use crate::private_file;

const VERSION: u64 = 1;
/// A larger one is none of ours.
const MOST_BYTES: u64 = 1024 * 1024;

/// Switches, and records on their secondary.
type Kept = (Vec<Switch>, Vec<Arc<str>>);

/// What is in `file`: switches, and records on their secondary. `None`: there is no such file.
pub(super) fn read(file: &Path) -> io::Result<Option<Kept>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    let broken = |words: &str| io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
    if bytes.len() as u64 > MOST_BYTES {
        return Err(broken("is too large for a state file"));
    }
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| broken(&format!("is broken: {error}")))?;
    if value["version"] != VERSION {
        return Err(broken("is of another version"));
    }
    let list = |name: &str| value[name].as_array().map_or(&[][..], Vec::as_slice);
    let switches: Option<Vec<Switch>> = list("switches").iter().take(MOST).map(switch).collect();
    let switches = switches.ok_or_else(|| broken("has a switch that is not understood"))?;
    let on_secondary = list("on_secondary").iter().filter_map(Value::as_str);
    Ok(Some((switches, on_secondary.map(Arc::from).collect())))
}

fn switch(value: &Value) -> Option<Switch> {
    let text = |name: &str| value[name].as_str();
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| text(kind.word()).is_some())?;
    let to = text("to")?;
    let to = To::ALL
        .into_iter()
        .find(|known| known.kind() == kind && known.word() == to)?;
    let time = |name: &str| {
        let seconds = Duration::try_from_secs_f64(value[name].as_f64()?).ok()?;
        UNIX_EPOCH.checked_add(seconds)
    };
    let until = if value["until"].is_null() {
        None
    } else {
        // One that is not understood must not turn into one without end.
        Some(time("until")?)
    };
    Some(Switch {
        name: text(kind.word())?.into(),
        to,
        reason: text("reason").map(Arc::from),
        owner: text("owner").map(Arc::from),
        since: time("since")?,
        until,
    })
}

/// In place of what is in `file`.
pub(super) fn write(file: &Path, switches: &[Switch], on_secondary: &[Arc<str>]) -> io::Result<()> {
    let switches: Vec<Value> = switches.iter().map(written).collect();
    let on_secondary: Vec<&str> = on_secondary.iter().map(|name| &**name).collect();
    let value = json!({ "version": VERSION, "switches": switches, "on_secondary": on_secondary });
    private_file::write(file, format!("{value:#}\n").as_bytes())
}

fn written(switch: &Switch) -> Value {
    let seconds = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    };
    let mut object = Map::new();
    let kind = switch.to.kind().word();
    object.insert(kind.to_owned(), Value::from(&*switch.name));
    object.insert("to".to_owned(), Value::from(switch.to.word()));
    for (key, text) in [("reason", &switch.reason), ("owner", &switch.owner)] {
        if let Some(text) = text {
            object.insert(key.to_owned(), Value::from(&**text));
        }
    }
    object.insert("since".to_owned(), Value::from(seconds(switch.since)));
    if let Some(until) = switch.until {
        object.insert("until".to_owned(), Value::from(seconds(until)));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::switch;

    #[test]
    fn a_switch_that_is_not_understood_is_none() {
        for (value, is_one) in [
            (json!({ "origin": "a", "to": "down", "since": 1 }), true),
            (
                json!({ "origin": "a", "to": "down", "since": 1.5, "until": 2.5, "reason": "r" }),
                true,
            ),
            (
                json!({ "record": "a", "to": "secondary", "since": 1 }),
                true,
            ),
            (
                json!({ "distribution": "a", "to": "maintenance", "since": 1 }),
                true,
            ),
            (json!({ "origin": "a", "to": "primary", "since": 1 }), false),
            (json!({ "origin": "a", "to": "down" }), false),
            (json!({ "origin": "a", "to": "down", "since": -1 }), false),
            (
                json!({ "origin": "a", "to": "down", "since": 1, "until": "soon" }),
                false,
            ),
            (
                json!({ "origin": "a", "to": "down", "since": 1, "until": 1e300 }),
                false,
            ),
            (json!({ "origin": 1, "to": "down", "since": 1 }), false),
            (json!([]), false),
            (json!(1), false),
        ] {
            assert_eq!(switch(&value).is_some(), is_one, "{value}");
        }
    }
}
