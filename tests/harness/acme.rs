//! A scripted certificate authority that speaks ACME (RFC 8555): it looks for proofs over HTTP, and signs as the scenarios'
//! authority.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Certificate, sign};
use crate::gate::{PATIENCE, ms, patiently};
use crate::viewer::viewer_of;

/// What such an authority does to one order in place of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuses {
    /// 429 with `Retry-After`.
    RateLimit,
    /// 400: it does not like the order.
    Order,
    /// It says that it has not found the proof.
    Proof,
    /// 500 without a word that is JSON.
    Everything,
    /// The nonce is called bad; the order itself is not.
    Nonce,
}

/// An authority that has not started yet.
#[derive(Debug, Default)]
#[must_use = "an authority signs once it is started"]
pub struct AuthorityBuilder {
    refuses: VecDeque<Refuses>,
    lasts: Option<Duration>,
    wants_renewals: u32,
}

/// An authority at `localhost` that signs what it finds proved, for 90 days.
pub fn authority() -> AuthorityBuilder {
    AuthorityBuilder::default()
}

impl AuthorityBuilder {
    /// Does these to the first orders, one each.
    pub fn refuses<const N: usize>(mut self, refusals: [Refuses; N]) -> Self {
        self.refuses = refusals.into();
        self
    }

    /// Signs for that long.
    pub fn lasts(mut self, lifetime: Duration) -> Self {
        self.lasts = Some(lifetime);
        self
    }

    /// Says of its first so many certificates that they are to be renewed at once (RFC 9773).
    pub fn wants_renewals(mut self, certificates: u32) -> Self {
        self.wants_renewals = certificates;
        self
    }

    /// Starts to serve.
    ///
    /// # Panics
    /// When loopback gives no port.
    pub async fn start(self) -> Authority {
        // By name, like the real ones; whoever resolves it may try IPv6 first and finds nobody there.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let desk = Arc::new(Desk {
            url: format!("https://localhost:{}", address.port()),
            script: self,
            edge: watch::Sender::new(None),
            state: Mutex::default(),
        });
        let acceptor = TlsAcceptor::from(Certificate::good("localhost").server_config());
        let serving = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (desk, acceptor) = (Arc::clone(&serving), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(|request| {
                        let desk = Arc::clone(&desk);
                        async move { Ok::<_, std::convert::Infallible>(desk.answer(request).await) }
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Authority { desk }
    }
}

/// An authority at play.
#[derive(Debug)]
pub struct Authority {
    desk: Arc<Desk>,
}

impl Authority {
    /// Of its directory.
    pub fn url(&self) -> String {
        format!("{}/directory", self.desk.url)
    }

    /// Where the names lead that it is asked to sign for: it waits for that before it looks for a proof.
    pub fn finds_names_at(&self, edge: SocketAddr) {
        self.desk.edge.send_replace(Some(edge));
    }

    /// How many certificates it has signed.
    pub fn signed(&self) -> u32 {
        self.desk.state().signed
    }

    /// How many orders it was sent, those that it refused included.
    pub fn orders(&self) -> u32 {
        self.desk.state().ordered
    }

    /// How many accounts it was asked for.
    pub fn accounts(&self) -> usize {
        self.desk.state().accounts.len()
    }

    /// How many orders named a certificate that they replace.
    pub fn replaced(&self) -> u32 {
        self.desk.state().replaced
    }

    /// Returns once it has signed so many.
    ///
    /// # Panics
    /// When it never has.
    pub async fn has_signed(&self, count: u32) {
        patiently(&format!("{count} certificates"), async {
            while self.signed() < count {
                tokio::time::sleep(ms(10)).await;
            }
        })
        .await;
    }
}

#[derive(Debug)]
struct Desk {
    url: String,
    script: AuthorityBuilder,
    edge: watch::Sender<Option<SocketAddr>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    nonces: HashSet<String>,
    made: u32,
    /// By their URLs: thumbprint and public key.
    accounts: HashMap<String, Key>,
    orders: Vec<Order>,
    ordered: u32,
    signed: u32,
    replaced: u32,
}

#[derive(Clone, Debug)]
struct Key {
    thumbprint: String,
    /// `04 x y`.
    point: Vec<u8>,
}

#[derive(Debug)]
struct Order {
    names: Vec<String>,
    tokens: Vec<String>,
    /// Of each name: found, or what is wrong with it.
    proofs: Vec<Option<Result<(), String>>>,
    chain: Option<String>,
    replaces: Option<String>,
    loses_proofs: bool,
}

impl Order {
    fn status(&self) -> &'static str {
        if self.chain.is_some() {
            "valid"
        } else if self
            .proofs
            .iter()
            .any(|proof| matches!(proof, Some(Err(_))))
        {
            "invalid"
        } else if self.proofs.iter().all(Option::is_some) {
            "ready"
        } else {
            "pending"
        }
    }
}

/// What a request was signed for.
struct Signed {
    account: Option<String>,
    key: Key,
    /// Null where nothing was sent (POST-as-GET).
    payload: Value,
}

type Answer = Response<Full<Bytes>>;

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nonce(&self) -> String {
        let mut state = self.state();
        state.made += 1;
        let nonce = format!("nonce-{}", state.made);
        state.nonces.insert(nonce.clone());
        nonce
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let body = body.collect().await.map(|body| body.to_bytes());
        let body = body.unwrap_or_default();
        let mut answer = match (&head.method, path.as_str()) {
            (&Method::GET, "/directory") => self.directory(),
            (&Method::HEAD, "/nonce") => found(Value::Null),
            (&Method::GET, path) if path.starts_with("/renewal/") => self.renewal(),
            (&Method::POST, path) => match self.read(path, &body) {
                Ok(signed) => Arc::clone(&self).serve(path, signed),
                Err(refusal) => *refusal,
            },
            _ => refusal(StatusCode::NOT_FOUND, "malformed", "there is no such thing"),
        };
        let nonce = self.nonce().parse().expect("it is a header value");
        answer.headers_mut().insert("replay-nonce", nonce);
        answer
    }

    fn directory(&self) -> Answer {
        let url = |what| format!("{}/{what}", self.url);
        let mut directory = json!({
            "newNonce": url("nonce"), "newAccount": url("account"), "newOrder": url("order"),
            "revokeCert": url("revoke"), "keyChange": url("key"),
            "meta": { "termsOfService": url("terms") },
        });
        if self.script.wants_renewals > 0 {
            directory["renewalInfo"] = url("renewal").into();
        }
        found(directory)
    }

    fn renewal(&self) -> Answer {
        let window = if self.state().signed <= self.script.wants_renewals {
            json!({ "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" })
        } else {
            json!({ "start": "2090-01-01T00:00:00Z", "end": "2090-01-02T00:00:00Z" })
        };
        let mut answer = found(json!({ "suggestedWindow": window }));
        let hours = "21600".parse().expect("it is a header value");
        answer.headers_mut().insert("retry-after", hours);
        answer
    }

    /// A request's own signature holds, it is for this place, and it was not sent before.
    fn read(&self, path: &str, body: &[u8]) -> Result<Signed, Box<Answer>> {
        let refuse =
            |kind: &str, what: &str| Box::new(refusal(StatusCode::BAD_REQUEST, kind, what));
        let malformed = |what: &str| refuse("malformed", what);
        let jws: Value = serde_json::from_slice(body).map_err(|_| malformed("no JSON"))?;
        let text = |field: &str| jws[field].as_str().unwrap_or_default();
        let protected = unbase64(text("protected"));
        let header: Value =
            serde_json::from_slice(&protected).map_err(|_| malformed("no protected header"))?;
        if header["url"] != format!("{}{path}", self.url) {
            return Err(malformed("signed for another URL"));
        }
        let nonce = header["nonce"].as_str().unwrap_or_default();
        if !self.state().nonces.remove(nonce) {
            return Err(refuse("badNonce", "not mine"));
        }
        let account = header["kid"].as_str().map(str::to_owned);
        let key = match &account {
            Some(kid) => self
                .state()
                .accounts
                .get(kid)
                .cloned()
                .ok_or_else(|| refuse("accountDoesNotExist", "nobody"))?,
            None => Key::of(&header["jwk"]),
        };
        let message = format!("{}.{}", text("protected"), text("payload"));
        if !key.has_signed(message.as_bytes(), &unbase64(text("signature"))) {
            return Err(malformed("the signature does not hold"));
        }
        let payload = unbase64(text("payload"));
        Ok(Signed {
            account,
            key,
            payload: serde_json::from_slice(&payload).unwrap_or_default(),
        })
    }

    fn serve(self: Arc<Self>, path: &str, signed: Signed) -> Answer {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX);
        if signed.account.is_none() && parts != ["account"] {
            return refusal(StatusCode::UNAUTHORIZED, "unauthorized", "no account");
        }
        match parts[..] {
            ["account"] => self.account(signed),
            ["order"] => self.new_order(&signed),
            ["order", order] => self.order(number(order), StatusCode::OK),
            ["authorization", order, name] => self.authorization(number(order), number(name)),
            ["challenge", order, name] => self.challenge(number(order), number(name), signed.key),
            ["finalize", order] => self.finalize(number(order), &signed.payload),
            ["certificate", order] => {
                let state = self.state();
                let chain = state
                    .orders
                    .get(number(order))
                    .and_then(|o| o.chain.clone());
                Response::new(Full::new(Bytes::from(chain.unwrap_or_default())))
            }
            _ => refusal(StatusCode::NOT_FOUND, "malformed", "there is no such thing"),
        }
    }

    fn account(&self, signed: Signed) -> Answer {
        if signed.payload["termsOfServiceAgreed"] != true {
            return refusal(StatusCode::FORBIDDEN, "userActionRequired", "agree first");
        }
        let mut state = self.state();
        let url = format!("{}/accounts/{}", self.url, state.accounts.len());
        state.accounts.insert(url.clone(), signed.key);
        with_location(StatusCode::CREATED, json!({ "status": "valid" }), &url)
    }

    fn new_order(&self, signed: &Signed) -> Answer {
        let mut state = self.state();
        let turn = state.ordered as usize;
        let refuses = self.script.refuses.get(turn).copied();
        state.ordered += 1;
        match refuses {
            Some(Refuses::RateLimit) => {
                let what = "too many certificates already issued";
                let mut answer = refusal(StatusCode::TOO_MANY_REQUESTS, "rateLimited", what);
                let second = "1".parse().expect("it is a header value");
                answer.headers_mut().insert("retry-after", second);
                return answer;
            }
            Some(Refuses::Order) => {
                let what = "I do not sign for these names";
                return refusal(StatusCode::BAD_REQUEST, "rejectedIdentifier", what);
            }
            Some(Refuses::Nonce) => {
                return refusal(StatusCode::BAD_REQUEST, "badNonce", "too old");
            }
            Some(Refuses::Everything) => {
                let mut answer = Response::new(Full::new(Bytes::from_static(b"<h1>Sorry</h1>")));
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return answer;
            }
            Some(Refuses::Proof) | None => {}
        }
        let names: Vec<String> = signed.payload["identifiers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name["value"].as_str().map(str::to_owned))
            .collect();
        let replaces = signed.payload["replaces"].as_str().map(str::to_owned);
        state.replaced += u32::from(replaces.is_some());
        let number = state.orders.len();
        state.orders.push(Order {
            tokens: (0..names.len())
                .map(|name| format!("token-{number}_{name}"))
                .collect(),
            proofs: vec![None; names.len()],
            names,
            chain: None,
            replaces,
            loses_proofs: refuses == Some(Refuses::Proof),
        });
        drop(state);
        self.order(number, StatusCode::CREATED)
    }

    fn order(&self, number: usize, status: StatusCode) -> Answer {
        let state = self.state();
        let Some(order) = state.orders.get(number) else {
            return refusal(StatusCode::NOT_FOUND, "malformed", "there is no such order");
        };
        let url = |what: &str| format!("{}/{what}/{number}", self.url);
        let names = order.names.iter();
        let mut shown = json!({
            "status": order.status(),
            "identifiers": names.map(|name| json!({ "type": "dns", "value": name })).collect::<Vec<_>>(),
            "authorizations": (0..order.names.len()).map(|name| format!("{}/{name}", url("authorization"))).collect::<Vec<_>>(),
            "finalize": url("finalize"),
        });
        if order.chain.is_some() {
            shown["certificate"] = url("certificate").into();
        }
        if let Some(replaces) = &order.replaces {
            shown["replaces"] = replaces.as_str().into();
        }
        with_location(status, shown, &url("order"))
    }

    fn challenge_shown(&self, order: &Order, number: usize, name: usize) -> Value {
        let mut shown = json!({
            "type": "http-01", "token": order.tokens[name],
            "url": format!("{}/challenge/{number}/{name}", self.url),
            "status": match &order.proofs[name] {
                None => "pending",
                Some(Ok(())) => "valid",
                Some(Err(_)) => "invalid",
            },
        });
        if let Some(Err(why)) = &order.proofs[name] {
            shown["error"] =
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": why });
        }
        shown
    }

    fn authorization(&self, number: usize, name: usize) -> Answer {
        let state = self.state();
        let order = &state.orders[number];
        let challenge = self.challenge_shown(order, number, name);
        found(json!({
            "status": challenge["status"],
            "identifier": { "type": "dns", "value": order.names[name] },
            "challenges": [
                { "type": "dns-01", "token": "x", "url": "https://localhost/x", "status": "pending" },
                challenge,
            ],
        }))
    }

    fn challenge(self: Arc<Self>, number: usize, name: usize, key: Key) -> Answer {
        let (shown, token, host, loses) = {
            let state = self.state();
            let order = &state.orders[number];
            let shown = self.challenge_shown(order, number, name);
            let (token, host) = (order.tokens[name].clone(), order.names[name].clone());
            (shown, token, host, order.loses_proofs)
        };
        let desk = Arc::clone(&self);
        tokio::spawn(async move {
            let mut edge = desk.edge.subscribe();
            let known = tokio::time::timeout(PATIENCE, edge.wait_for(Option::is_some)).await;
            let edge = known
                .ok()
                .and_then(|edge| edge.ok().and_then(|edge| *edge))
                .expect("the scenario says where the names lead");
            let path = format!("/.well-known/acme-challenge/{token}");
            let seen = viewer_of(edge).host(&host).get(&path).await;
            let proof = if loses {
                Err(format!("nobody answers at {host}"))
            } else if seen.text() == format!("{token}.{}", key.thumbprint) {
                Ok(())
            } else {
                Err(format!("{host} answers {:?}", seen.text()))
            };
            desk.state().orders[number].proofs[name] = Some(proof);
        });
        found(shown)
    }

    fn finalize(&self, number: usize, payload: &Value) -> Answer {
        let request = unbase64(payload["csr"].as_str().unwrap_or_default());
        {
            let mut state = self.state();
            let order = &mut state.orders[number];
            if order.status() != "ready" {
                return refusal(StatusCode::FORBIDDEN, "orderNotReady", "prove it first");
            }
            let is_in = |name: &String| {
                request
                    .windows(name.len())
                    .any(|window| window == name.as_bytes())
            };
            let Some(point) = public_key(&request).filter(|_| order.names.iter().all(is_in)) else {
                return refusal(StatusCode::BAD_REQUEST, "badCSR", "not what was ordered");
            };
            let lasts = self.script.lasts.unwrap_or(Duration::from_hours(90 * 24));
            order.chain = Some(sign(point, &order.names, lasts));
            state.signed += 1;
        }
        self.order(number, StatusCode::OK)
    }
}

impl Key {
    /// Source: RFC 7638.
    fn of(jwk: &Value) -> Self {
        let text = |field: &str| jwk[field].as_str().unwrap_or_default();
        let (x, y) = (text("x"), text("y"));
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let suite = suite.tls13().expect("it is of TLS 1.3");
        let hash = suite.common.hash_provider.hash(canonical.as_bytes());
        Self {
            thumbprint: base64(hash.as_ref()),
            point: [vec![4], unbase64(x), unbase64(y)].concat(),
        }
    }

    /// By ES256: the signature is two numbers of 32 bytes.
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((r, s)) = signature
            .split_at_checked(32)
            .filter(|(_, s)| s.len() == 32)
        else {
            return false;
        };
        let integer = |number: &[u8]| {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            let digits = &number[zeros.min(31)..];
            let sign = (digits[0] >= 0x80).then_some(0);
            let value: Vec<u8> = sign.into_iter().chain(digits.iter().copied()).collect();
            [
                vec![2, u8::try_from(value.len()).expect("33 at most")],
                value,
            ]
            .concat()
        };
        let both = [integer(r), integer(s)].concat();
        let length = u8::try_from(both.len()).expect("70 at most");
        let der = [vec![0x30, length], both].concat();
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let wanted = SignatureScheme::ECDSA_NISTP256_SHA256;
        let found = algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == wanted);
        let (_, ways) = found.expect("the provider has it");
        ways.iter()
            .any(|way| way.verify_signature(&self.point, message, &der).is_ok())
    }
}

/// The point of a P-256 key in a certificate signing request: the bit string that follows the curve's name.
fn public_key(request: &[u8]) -> Option<Vec<u8>> {
    const CURVE: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let at = request.windows(10).position(|window| window == CURVE)?;
    // A tag, a length and the number of unused bits come first.
    request.get(at + 13..at + 13 + 65).map(<[u8]>::to_vec)
}

fn found(value: Value) -> Answer {
    Response::new(Full::new(Bytes::from(value.to_string())))
}

fn with_location(status: StatusCode, value: Value, url: &str) -> Answer {
    let mut answer = found(value);
    *answer.status_mut() = status;
    let location = url.parse().expect("it is a header value");
    answer.headers_mut().insert("location", location);
    answer
}

fn refusal(status: StatusCode, kind: &str, detail: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    let mut answer = found(json!({ "type": kind, "detail": detail, "status": status.as_u16() }));
    *answer.status_mut() = status;
    answer
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64url without padding (RFC 4648, section 5).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit);
        bits = bits << 6 | u32::try_from(value.unwrap_or(0)).unwrap_or(0);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
