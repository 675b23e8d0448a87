//! Which certificate goes with which name.

use tideover_rules::certificate::CertificateNames;

fn names() -> CertificateNames {
    CertificateNames::of([
        vec!["shop.example", "*.shop.example"],
        vec!["www.shop.example", "*.other.example", "Mixed.Example"],
        // Taken already.
        vec!["shop.example"],
    ])
}

#[test]
fn a_name_finds_its_certificate() {
    for (name, found) in [
        ("shop.example", Some(0)),
        ("SHOP.Example", Some(0)),
        ("shop.example.", Some(0)),
        ("img.shop.example", Some(0)),
        // An exact name comes before a wildcard, whichever is first.
        ("www.shop.example", Some(1)),
        // A wildcard stands for one label.
        ("a.img.shop.example", None),
        ("other.example", None),
        (".other.example", None),
        ("a.other.example", Some(1)),
        ("mixed.example", Some(1)),
        ("example", None),
        ("", None),
        ("127.0.0.1", None),
    ] {
        assert_eq!(names().find(name), found, "{name}");
    }
}

#[test]
fn a_host_of_another_certificate_is_misdirected() {
    for (server_name, host, misdirected) in [
        (None, "shop.example", false),
        (Some("shop.example"), "shop.example", false),
        (Some("shop.example"), "SHOP.example", false),
        (Some("shop.example"), "img.shop.example", false),
        (Some("shop.example"), "www.shop.example", true),
        (Some("shop.example"), "nowhere.example", true),
        (Some("nowhere.example"), "shop.example", true),
        // Both were shown the first certificate for want of another.
        (Some("nowhere.example"), "elsewhere.example", false),
    ] {
        let seen = names().is_misdirected(server_name, host);
        assert_eq!(seen, misdirected, "{server_name:?} {host}");
    }
}
