//! A certificate authority of the scenarios' own, and certificates good and bad.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Certificate {
    /// Signed by the authority and good for `name`.
    pub fn good(name: &str) -> Self {
        Self::signed(&parameters(name))
    }

    /// Good for `name`, but signed by nobody else.
    ///
    /// # Panics
    /// Never, like everything here: the parameters are constants.
    pub fn self_signed(name: &str) -> Self {
        let key = new_key();
        let certificate = parameters(name).self_signed(&key).expect("can be signed");
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }

    /// Signed by the authority, good for `name`, and past its time.
    pub fn expired(name: &str) -> Self {
        let mut parameters = parameters(name);
        parameters.not_before = date_time_ymd(2001, 1, 1);
        parameters.not_after = date_time_ymd(2002, 1, 1);
        Self::signed(&parameters)
    }

    /// Signed by the authority, and good for `name` from a day ago on until so long from now.
    ///
    /// # Panics
    /// Never.
    pub fn lasting(name: &str, span: Duration) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = date_time_ymd(1970, 1, 1) + now.expect("it is after 1970");
        let mut parameters = parameters(name);
        parameters.not_before = now - DAY;
        parameters.not_after = now + span;
        Self::signed(&parameters)
    }

    fn signed(parameters: &CertificateParams) -> Self {
        let key = new_key();
        let certificate = parameters
            .signed_by(&key, authority())
            .expect("can be signed");
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// What a TLS server needs to show it.
    ///
    /// # Panics
    /// Never.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .expect("key and certificate belong together");
        Arc::new(config)
    }
}

/// The authority's own certificate in PEM: what `--origin-ca` reads.
pub fn authority_pem() -> String {
    authority().pem()
}

/// A certificate for whoever has the key with this point of P-256, signed by the authority: good for `names`, for so long
/// from now on.
pub(crate) fn sign(point: Vec<u8>, names: &[String], lasts: Duration) -> String {
    struct Point(Vec<u8>);
    impl rcgen::PublicKeyData for Point {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }
        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            &rcgen::PKCS_ECDSA_P256_SHA256
        }
    }
    let mut parameters = CertificateParams::new(names.to_vec()).expect("they are DNS names");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = date_time_ymd(1970, 1, 1) + now.expect("it is after 1970");
    parameters.not_before = now;
    parameters.not_after = now + lasts;
    parameters.use_authority_key_identifier_extension = true;
    let signed = parameters.signed_by(&Point(point), authority());
    signed.expect("can be signed").pem()
}

fn authority() -> &'static CertifiedIssuer<'static, KeyPair> {
    static AUTHORITY: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut parameters = parameters("authority.test");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        CertifiedIssuer::self_signed(parameters, new_key()).expect("can be signed")
    })
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new([name.to_owned()]).expect("is a DNS name");
    // Whoever is not signed by the authority must not bear its name either.
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the provider makes keys")
}
