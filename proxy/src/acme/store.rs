//! The folder in which an account and its certificate outlive the edge. What is in it is for its owner's eyes only.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tideover_config::Acme;
use tideover_rules::certificate::CertificateNames;

use crate::private_file;
use crate::x509::{self, Facts};

/// A certificate with its key, and what stands in it.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: Facts,
    /// In lower case, `*.` in front of a wildcard.
    names: Vec<String>,
}

impl Found {
    /// Of the key and the chain in PEM, in any order.
    pub(super) fn of(pem: &[u8]) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("is no good PEM: {error}"))?;
        let leaf = chain.first().ok_or("holds no certificate")?;
        let facts = x509::facts(leaf).ok_or("holds a certificate that cannot be read")?;
        let names = webpki::EndEntityCert::try_from(leaf)
            .map_err(|error| format!("holds a certificate that cannot be read: {error}"))?
            .valid_dns_names()
            .map(str::to_ascii_lowercase)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "holds no private key")?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|error| format!("holds a key that cannot be used: {error}"))?;
        Ok(Self {
            key: Arc::new(key),
            facts,
            names,
        })
    }

    /// Whether it is good for all of these.
    pub(super) fn is_for(&self, domains: &[Arc<str>]) -> bool {
        let names = CertificateNames::of([self.names.iter().map(String::as_str)]);
        domains.iter().all(|domain| names.find(domain).is_some())
    }
}

/// The part of the folder that belongs to one server: what one server signed is nothing to another.
#[derive(Clone, Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    /// Makes the folder if it is not there.
    pub(super) fn open(said: &Acme) -> io::Result<Self> {
        let server = said.directory.trim_start_matches("https://");
        let name: String = server
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => c,
                // No part of a name but at its beginning, where it would mean another folder.
                '.' => c,
                _ => '_',
            })
            .collect();
        let folder = said.folder.join(name.trim_start_matches('.'));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| named(&error, &folder))?;
        Ok(Self(folder))
    }

    fn account_file(&self) -> PathBuf {
        self.0.join("account.json")
    }

    /// Of the certificate and its key.
    pub(super) fn certificate_file(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }

    /// The account as it was kept, if it was.
    pub(super) fn account(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.account_file())
    }

    pub(super) fn keep_account(&self, credentials: &[u8]) -> io::Result<()> {
        write(&self.account_file(), credentials)
    }

    /// The server does not know it any more.
    pub(super) fn forget_account(&self) -> io::Result<()> {
        fs::remove_file(self.account_file())
    }

    /// Key and certificate as they were kept, if they were.
    pub(super) fn certificate(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.certificate_file())
    }

    pub(super) fn keep_certificate(&self, pem: &str) -> io::Result<()> {
        write(&self.certificate_file(), pem.as_bytes())
    }

    /// The right to order, until it is dropped; `None` while another process has it.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        let path = self.0.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| named(&error, &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(named(&error, &path)),
        }
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(&error, path)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_file::write(path, bytes).map_err(|error| named(&error, path))
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
