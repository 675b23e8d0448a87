//! What is asked for behind the `?`.

use std::borrow::Cow;

use super::answer::Problem;

/// The value of each of `names` in `query`, decoded; of several the first. Others, and what cannot be decoded, are a problem:
/// a question that was misspelt would be answered as another one.
/// Source: WHATWG URL Standard, "application/x-www-form-urlencoded parsing".
pub(super) fn values<'q, const N: usize>(
    query: Option<&'q str>,
    names: [&str; N],
) -> Result<[Option<Cow<'q, str>>; N], Problem> {
    let mut values = [const { None }; N];
    let pairs = query.unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = decoded(name).and_then(|name| names.iter().position(|known| *known == name));
        let place = known.and_then(|index| values.get_mut(index));
        let (Some(place), Some(value)) = (place, decoded(value)) else {
            return Err(Problem::bad_request(format!(
                "the query may have {}, each as UTF-8 with others than letters and digits as %XX",
                names.join(", ")
            )));
        };
        place.get_or_insert(value);
    }
    Ok(values)
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_decoded() {
        for (query, expected) in [
            (None, Some([None, None])),
            (Some(""), Some([None, None])),
            (Some("a=1&b=2"), Some([Some("1"), Some("2")])),
            (Some("b=2"), Some([None, Some("2")])),
            (Some("a=1&a=2"), Some([Some("1"), None])),
            (Some("a"), Some([Some(""), None])),
            (Some("a=x%3Fy%26z+w"), Some([Some("x?y&z w"), None])),
            (Some("a=%EC%87%BC"), Some([Some("쇼"), None])),
            (Some("c=1"), None),
            (Some("a=%"), None),
            (Some("a=%4"), None),
            (Some("a=%zz"), None),
            (Some("a=%+1"), None),
            (Some("a=%ff"), None),
        ] {
            let found = values(query, ["a", "b"]).ok();
            let found = found
                .as_ref()
                .map(|found| found.each_ref().map(|value| value.as_deref()));
            assert_eq!(found, expected, "{query:?}");
        }
    }
}
