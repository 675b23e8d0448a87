//! Targets and methods in the words of `run` and `explain`.

use tideover::{folder_place, place};
use tideover_config::{Edge, MethodSet, OriginKind, Target};

/// `azure-vm, azure-swa, last-page`, or one origin with where it is.
pub(super) fn target(edge: &Edge, target: &Target) -> String {
    let members: Vec<String> = target
        .members
        .iter()
        .map(|member| {
            let origin = edge.origin(member.origin);
            if let Some(record) = &member.record {
                let secondary = &edge.origin(record.secondary.origin).id;
                return format!(
                    "{} ({} or {secondary})",
                    edge.member_name(member),
                    origin.id
                );
            }
            match &origin.kind {
                OriginKind::Page(_) => format!("{} (page)", origin.id),
                OriginKind::Folder(folder) => format!("{} ({})", origin.id, folder_place(folder)),
                OriginKind::Server(server) => format!("{} ({})", origin.id, place(server)),
            }
        })
        .collect();
    if target.is_group {
        format!("{}: {}", target.name, members.join(", then "))
    } else {
        members.join(", ")
    }
}

/// `GET HEAD OPTIONS`, or `any method`.
pub(super) fn methods(set: MethodSet) -> String {
    if set == MethodSet::ALL {
        return "any method".to_owned();
    }
    set.names().collect::<Vec<_>>().join(" ")
}
