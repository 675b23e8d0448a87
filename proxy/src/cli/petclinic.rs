//! A small PetClinic: list owners, find them by last name, add one. Tiers 1 and 2 of the demo run it over one set of
//! owners, as they would over one database.

mod html;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::tier::{App, Asked, page};

/// Most owners that are kept: a demo is no place to run out of memory.
const MOST_OWNERS: usize = 500;
/// Longest field of a form, in characters.
const LONGEST_FIELD: usize = 80;

/// Someone with pets.
#[derive(Clone, Debug, Default)]
struct Owner {
    first_name: String,
    last_name: String,
    address: String,
    city: String,
    telephone: String,
    pets: Vec<&'static str>,
}

/// The owners, shared by every tier that runs the application; an owner's number is its place, counted from 1.
#[derive(Clone, Debug)]
pub(super) struct Owners(Rc<RefCell<Vec<Owner>>>);

impl Owners {
    /// The owners that the clinic begins with. All of them are made up.
    pub(super) fn usual() -> Self {
        let owners = [
            (
                "Tamsin",
                "Okafor",
                "4 Harbour Steps",
                "Wexcombe",
                "5550101",
                &["Pepper, a cat"][..],
            ),
            (
                "Joost",
                "Lindqvist",
                "27 Tide Lane",
                "Wexcombe",
                "5550117",
                &["Nutmeg, a hamster"],
            ),
            (
                "Amara",
                "Silveira",
                "90 Quay Road",
                "Port Ellory",
                "5550123",
                &["Biscuit, a dog", "Anchor, a dog"],
            ),
            (
                "Ruben",
                "Okafor",
                "12 Lantern Court",
                "Brightwater",
                "5550138",
                &["Flint, a lizard"],
            ),
            (
                "Noor",
                "Haddad",
                "3 Gull Terrace",
                "Port Ellory",
                "5550144",
                &["Misty, a cat", "Plum, a cat"],
            ),
            (
                "서연",
                "김",
                "물결로 7",
                "서울",
                "5550152",
                &["보리, 강아지"],
            ),
        ];
        Self(Rc::new(RefCell::new(
            owners
                .into_iter()
                .map(
                    |(first_name, last_name, address, city, telephone, pets)| Owner {
                        first_name: first_name.to_owned(),
                        last_name: last_name.to_owned(),
                        address: address.to_owned(),
                        city: city.to_owned(),
                        telephone: telephone.to_owned(),
                        pets: pets.to_vec(),
                    },
                )
                .collect(),
        )))
    }

    /// Number of the new owner; `None` if there is no room.
    fn add(&self, owner: Owner) -> Option<usize> {
        let mut owners = self.0.borrow_mut();
        (owners.len() < MOST_OWNERS).then(|| {
            owners.push(owner);
            owners.len()
        })
    }

    fn named(&self, last_name: &str) -> Vec<(usize, Owner)> {
        let wanted = last_name.to_lowercase();
        self.0
            .borrow()
            .iter()
            .enumerate()
            .filter(|(_, owner)| owner.last_name.to_lowercase().starts_with(&wanted))
            .map(|(place, owner)| (place + 1, owner.clone()))
            .collect()
    }

    fn number(&self, number: usize) -> Option<Owner> {
        self.0.borrow().get(number.checked_sub(1)?).cloned()
    }
}

/// The application as one tier runs it.
#[derive(Debug)]
pub(super) struct PetClinic {
    tier: &'static str,
    server: HeaderValue,
    owners: Owners,
}

impl PetClinic {
    /// In a cluster behind a load balancer.
    pub(super) fn on_aws(owners: Owners) -> Self {
        Self {
            tier: "aws",
            server: HeaderValue::from_static("PetClinic"),
            owners,
        }
    }

    /// On a virtual machine behind nginx.
    pub(super) fn on_azure_vm(owners: Owners) -> Self {
        Self {
            tier: "azure-vm",
            server: HeaderValue::from_static("nginx/1.18.0 (Ubuntu)"),
            owners,
        }
    }

    fn home(&self) -> Response<Bytes> {
        page(StatusCode::OK, html::home(self.tier))
    }

    fn list(&self, query: &str) -> Response<Bytes> {
        let last_name = field(query.as_bytes(), "lastName");
        let found = self.owners.named(&last_name);
        page(StatusCode::OK, html::list(self.tier, &last_name, &found))
    }

    fn owner(&self, number: &str) -> Response<Bytes> {
        match number
            .parse()
            .ok()
            .and_then(|number| self.owners.number(number))
        {
            Some(owner) => page(StatusCode::OK, html::owner(self.tier, &owner)),
            None => self.not_found(),
        }
    }

    fn add(&self, form: &[u8]) -> Response<Bytes> {
        let owner = Owner {
            first_name: field(form, "firstName"),
            last_name: field(form, "lastName"),
            address: field(form, "address"),
            city: field(form, "city"),
            telephone: field(form, "telephone"),
            pets: Vec::new(),
        };
        if owner.first_name.is_empty() || owner.last_name.is_empty() {
            let missing = "An owner needs a first and a last name.";
            return page(
                StatusCode::BAD_REQUEST,
                html::form(self.tier, &owner, missing),
            );
        }
        let Some(number) = self.owners.add(owner.clone()) else {
            let full = "The clinic is full: this demo keeps no more owners.";
            return page(StatusCode::CONFLICT, html::form(self.tier, &owner, full));
        };
        let mut added = Response::new(Bytes::new());
        *added.status_mut() = StatusCode::FOUND;
        let location = HeaderValue::try_from(format!("/petclinic/owners/{number}"))
            .expect("a path of digits and letters is a header value");
        added.headers_mut().insert(header::LOCATION, location);
        added
    }

    fn not_found(&self) -> Response<Bytes> {
        page(StatusCode::NOT_FOUND, html::not_found(self.tier))
    }

    fn only(&self, methods: &'static str) -> Response<Bytes> {
        let mut refusal = page(StatusCode::METHOD_NOT_ALLOWED, html::not_allowed(self.tier));
        refusal
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static(methods));
        refusal
    }
}

impl App for PetClinic {
    async fn answer(&self, asked: &Asked) -> Response<Bytes> {
        let reads = matches!(asked.method, Method::GET | Method::HEAD);
        let path = asked.path.strip_prefix("/petclinic").unwrap_or(&asked.path);
        let in_the_clinic = path.len() < asked.path.len();
        let mut response = match path {
            "" | "/" if reads => self.home(),
            "/owners" | "/owners/find" if in_the_clinic && reads => self.list(&asked.query),
            "/owners/new" if in_the_clinic && reads => {
                page(StatusCode::OK, html::form(self.tier, &Owner::default(), ""))
            }
            "/owners/new" if in_the_clinic && asked.method == Method::POST => self.add(&asked.body),
            "/owners/new" if in_the_clinic => self.only("GET, HEAD, POST"),
            _ if !reads => self.only("GET, HEAD"),
            path if in_the_clinic => match path.strip_prefix("/owners/") {
                Some(number) => self.owner(number),
                None => self.not_found(),
            },
            _ => self.not_found(),
        };
        response
            .headers_mut()
            .insert(header::SERVER, self.server.clone());
        response.headers_mut().insert(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

/// The first value of `name` in a query string or form, decoded, trimmed and cut to a bearable length; empty if there is none.
fn field(form: &[u8], name: &str) -> String {
    form.split(|byte| *byte == b'&')
        .find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            (decoded(&pair[..equals]) == name).then(|| decoded(&pair[equals + 1..]))
        })
        .map(|value| value.trim().chars().take(LONGEST_FIELD).collect())
        .unwrap_or_default()
}

/// Undoes `application/x-www-form-urlencoded`; what is wrongly encoded stays as it is.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            &after[2..]
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        clinic: &PetClinic,
        method: Method,
        path: &str,
        query: &str,
        body: &str,
    ) -> (u16, String) {
        let asked = Asked {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let response = runtime.expect("a runtime").block_on(clinic.answer(&asked));
        let location = response.headers().get(header::LOCATION);
        let text = match location {
            Some(location) => location.to_str().expect("ASCII").to_owned(),
            None => String::from_utf8_lossy(response.body()).into_owned(),
        };
        (response.status().as_u16(), text)
    }

    #[test]
    fn an_owner_added_at_one_tier_is_found_at_the_other() {
        let owners = Owners::usual();
        let aws = PetClinic::on_aws(owners.clone());
        let vm = PetClinic::on_azure_vm(owners);

        let form = "firstName=Ottilie&lastName=Marsh+%3CWade%3E&city=%EC%84%9C%EC%9A%B8";
        let added = ask(&vm, Method::POST, "/petclinic/owners/new", "", form);
        assert_eq!(added, (302, "/petclinic/owners/7".to_owned()));

        let (status, text) = ask(&aws, Method::GET, "/petclinic/owners/7", "", "");
        assert_eq!(status, 200);
        assert!(
            text.contains("Ottilie Marsh &lt;Wade&gt;") && text.contains("서울"),
            "{text}"
        );

        let (_, text) = ask(&aws, Method::GET, "/petclinic/owners", "lastName=mars", "");
        assert!(
            text.contains("Ottilie Marsh") && !text.contains("Lindqvist"),
            "{text}"
        );
    }

    #[test]
    fn only_what_the_clinic_has_is_found_there() {
        let clinic = PetClinic::on_aws(Owners::usual());
        for (method, path, status) in [
            (Method::GET, "/", 200),
            (Method::HEAD, "/petclinic", 200),
            (Method::GET, "/petclinic/", 200),
            (Method::GET, "/petclinic/owners", 200),
            (Method::GET, "/petclinic/owners/new", 200),
            (Method::GET, "/petclinic/owners/1", 200),
            (Method::GET, "/petclinic/owners/0", 404),
            (Method::GET, "/petclinic/owners/99", 404),
            (Method::GET, "/petclinic/petclinic/", 404),
            (Method::GET, "/owners", 404),
            (Method::POST, "/petclinic/owners/new", 400),
            (Method::POST, "/petclinic/", 405),
            (Method::DELETE, "/petclinic/owners/new", 405),
        ] {
            let (seen, _) = ask(&clinic, method.clone(), path, "", "");
            assert_eq!(seen, status, "{method} {path}");
        }
    }

    #[test]
    fn the_clinic_never_holds_more_than_it_can() {
        let clinic = PetClinic::on_aws(Owners::usual());
        let form = "firstName=A&lastName=B";
        let answers = (0..MOST_OWNERS)
            .map(|_| ask(&clinic, Method::POST, "/petclinic/owners/new", "", form).0);
        assert_eq!(answers.filter(|status| *status == 409).count(), 6);
    }

    #[test]
    fn forms_are_decoded_and_bad_escapes_left_alone() {
        for (form, value) in [
            ("a=1&x=b+c", "b c"),
            ("x=%41%zz%4", "A%zz%4"),
            ("x", ""),
            ("%78=y", "y"),
            ("x=%", "%"),
        ] {
            assert_eq!(field(form.as_bytes(), "x"), value, "{form}");
        }
    }
}
