//! The pages of the small PetClinic.

use super::Owner;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#34302d;background:#faf9f7}\
header{background:#34302d;color:#fff;padding:.9rem 1.5rem;display:flex;gap:1.5rem;align-items:baseline;flex-wrap:wrap}\
header b{font-size:1.25rem}header a{color:#dfe8d8;text-decoration:none}header a:hover{text-decoration:underline}\
main{max-width:56rem;margin:1.5rem auto;padding:0 1.5rem}\
h1{font-size:1.5rem}table{border-collapse:collapse;width:100%;background:#fff}\
th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #e4e0da}th{background:#f1efeb}\
form{margin:0 0 1rem}label{display:block;margin:.4rem 0}label span{display:inline-block;width:7rem}\
input{font:inherit;padding:.3rem .5rem;border:1px solid #b9b3aa;border-radius:4px}\
button{font:inherit;padding:.35rem 1rem;border:0;border-radius:4px;background:#4c7a34;color:#fff;cursor:pointer}\
.note{color:#a03020}footer{max-width:56rem;margin:2rem auto;padding:.75rem 1.5rem;border-top:1px solid #e4e0da;color:#6b655e}";

/// The front page.
pub(super) fn home(tier: &str) -> String {
    whole(
        tier,
        "Welcome",
        "<p>A small clinic for pets and their owners. 반려동물 병원에 오신 것을 환영합니다.</p>\n\
         <p><a href=\"/petclinic/owners\">Find owners</a>, or <a href=\"/petclinic/owners/new\">add one</a>.</p>\n",
    )
}

/// Owners by number, under the box that looks for `last_name`.
pub(super) fn list(tier: &str, last_name: &str, owners: &[(usize, Owner)]) -> String {
    let mut body = format!(
        "<form action=\"/petclinic/owners\"><input name=\"lastName\" value=\"{}\" placeholder=\"Last name\" \
         aria-label=\"Last name\"> <button>Find</button></form>\n",
        escaped(last_name)
    );
    if owners.is_empty() {
        body.push_str("<p>Nobody of that name.</p>\n");
        return whole(tier, "Owners", &body);
    }
    body.push_str("<table>\n<tr><th>Name</th><th>Address</th><th>City</th><th>Telephone</th><th>Pets</th></tr>\n");
    for (number, owner) in owners {
        let row = [
            &owner.address,
            &owner.city,
            &owner.telephone,
            &owner.pets.join("; "),
        ]
        .map(|cell| format!("<td>{}</td>", escaped(cell)))
        .concat();
        body.push_str(&format!(
            "<tr><td><a href=\"/petclinic/owners/{number}\">{}</a></td>{row}</tr>\n",
            escaped(&name(owner))
        ));
    }
    body.push_str("</table>\n");
    whole(tier, "Owners", &body)
}

/// One owner.
pub(super) fn owner(tier: &str, owner: &Owner) -> String {
    let pets = if owner.pets.is_empty() {
        "none yet".to_owned()
    } else {
        owner.pets.join("; ")
    };
    let rows = [
        ("Name", &name(owner)),
        ("Address", &owner.address),
        ("City", &owner.city),
        ("Telephone", &owner.telephone),
        ("Pets", &pets),
    ]
    .map(|(label, value)| format!("<tr><th>{label}</th><td>{}</td></tr>\n", escaped(value)))
    .concat();
    whole(tier, "Owner", &format!("<table>\n{rows}</table>\n"))
}

/// The form for a new owner, filled with what was sent before; `note` says why it is shown again.
pub(super) fn form(tier: &str, sent: &Owner, note: &str) -> String {
    let fields = [
        ("firstName", "First name", &sent.first_name),
        ("lastName", "Last name", &sent.last_name),
        ("address", "Address", &sent.address),
        ("city", "City", &sent.city),
        ("telephone", "Telephone", &sent.telephone),
    ]
    .map(|(field, label, value)| {
        format!(
            "<label><span>{label}</span><input name=\"{field}\" value=\"{}\"></label>\n",
            escaped(value)
        )
    })
    .concat();
    let note = if note.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">{note}</p>\n")
    };
    whole(
        tier,
        "New owner",
        &format!(
            "{note}<form method=\"post\" action=\"/petclinic/owners/new\">\n{fields}<button>Add owner</button></form>\n"
        ),
    )
}

/// 404.
pub(super) fn not_found(tier: &str) -> String {
    whole(
        tier,
        "404: not found",
        "<p>The clinic has no such page.</p>\n",
    )
}

/// 405.
pub(super) fn not_allowed(tier: &str) -> String {
    whole(
        tier,
        "405: not allowed",
        "<p>That cannot be done here.</p>\n",
    )
}

fn whole(tier: &str, title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title} - PetClinic</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style></head>\n<body>\n\
         <header><b>PetClinic</b><a href=\"/petclinic/\">Home</a><a href=\"/petclinic/owners\">Owners</a>\
         <a href=\"/petclinic/owners/new\">New owner</a></header>\n\
         <main>\n<h1>{title}</h1>\n{body}</main>\n<footer>answered by {tier}</footer>\n</body>\n</html>\n"
    )
}

fn name(owner: &Owner) -> String {
    format!("{} {}", owner.first_name, owner.last_name)
}

/// Safe between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
