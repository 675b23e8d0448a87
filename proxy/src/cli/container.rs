//! Is this a container, and can anybody outside reach what listens in it? A container has a loopback of its own, so that
//! the default address, which is right on a laptop, is out of reach for a published port, a Service and a probe.

use std::net::SocketAddr;
use std::path::Path;

/// Files that an engine puts into its containers: Docker, and Podman with Buildah.
const MARKERS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// Variables that are set in containers: by Podman and systemd-nspawn, and by Kubernetes.
const VARIABLES: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];
/// How a step of the path of a container's control group begins, where that is not hidden.
const CONTROL_GROUPS: [&str; 6] = [
    "docker-",
    "kubepods",
    "libpod",
    "lxc",
    "crio-",
    "cri-containerd-",
];

/// What a process sees of where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// It is process 1: on a machine that is the system's own.
    is_first_process: bool,
    /// Which of [`MARKERS`] are there.
    markers: Vec<&'static str>,
    /// Which of [`VARIABLES`] are set.
    variables: Vec<&'static str>,
    /// `/proc/self/cgroup`: a line for each hierarchy, the path after the second colon.
    control_groups: String,
}

impl Signs {
    /// Looks around.
    pub(super) fn seen() -> Self {
        Self {
            is_first_process: std::process::id() == 1,
            markers: MARKERS
                .into_iter()
                .filter(|marker| Path::new(marker).exists())
                .collect(),
            variables: VARIABLES
                .into_iter()
                .filter(|name| std::env::var_os(name).is_some())
                .collect(),
            // Not there on other systems, and nothing is lost by that.
            control_groups: std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
        }
    }

    /// Why this is taken for a container, in words; `None`: it is not.
    fn of_a_container(&self) -> Option<String> {
        if let Some(marker) = self.markers.first() {
            return Some(format!("{marker} is there"));
        }
        if let Some(name) = self.variables.first() {
            return Some(format!("`{name}` is set"));
        }
        if self.is_first_process {
            return Some("it is process 1".to_owned());
        }
        let path = self
            .control_groups
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .find(|path| path.split('/').any(is_a_containers_step))?;
        Some(format!("its control group is {path}"))
    }
}

fn is_a_containers_step(step: &str) -> bool {
    step == "docker" || CONTROL_GROUPS.iter().any(|begin| step.starts_with(begin))
}

/// What to say of listeners for viewers that are all on the loopback of a container; `None`: nothing.
///
/// It is no error: a sidecar serves the containers beside it, and a container may share the network of its machine.
pub(super) fn out_of_reach(listeners: &[SocketAddr], signs: &Signs) -> Option<String> {
    let first = listeners.first()?;
    if !listeners.iter().all(|address| address.ip().is_loopback()) {
        return None;
    }
    let why = signs.of_a_container()?;
    let (everybody, port) = match first {
        SocketAddr::V4(_) => ("0.0.0.0", first.port()),
        SocketAddr::V6(_) => ("[::]", first.port()),
    };
    Some(format!(
        "this looks like a container ({why}), and {first} is reached from inside it only: no published port, Service or \
         probe leads there; for those outside listen on {everybody}:{port} (TIDEOVER_LISTEN, or [listen] of a config)"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Signs, out_of_reach};

    fn signs(
        is_first_process: bool,
        markers: &[&'static str],
        variables: &[&'static str],
        control_groups: &str,
    ) -> Signs {
        Signs {
            is_first_process,
            markers: markers.to_vec(),
            variables: variables.to_vec(),
            control_groups: control_groups.to_owned(),
        }
    }

    #[test]
    fn what_is_taken_for_a_container() {
        let session = "0::/user.slice/user-1000.slice/session-2.scope\n";
        let docker_host = "0::/system.slice/docker.service\n";
        let scope = "0::/system.slice/docker-0a1b2c.scope\n";
        let pod = "12:cpu:/kubepods/burstable/pod1/0a1b\n0::/\n";
        let first_version = "9:pids:/docker/0a1b2c\n";
        let podman = "0::/machine.slice/libpod-0a1b.scope/container\n";
        for (case, expected) in [
            (signs(false, &[], &[], ""), None),
            (signs(false, &[], &[], "0::/\n"), None),
            (signs(false, &[], &[], session), None),
            (signs(false, &[], &[], docker_host), None),
            (signs(false, &[], &[], "no colon at all"), None),
            (signs(true, &[], &[], "0::/\n"), Some("process 1")),
            (
                signs(false, &["/.dockerenv"], &[], "0::/\n"),
                Some("/.dockerenv"),
            ),
            (
                signs(true, &["/run/.containerenv"], &["container"], ""),
                Some("/run/.containerenv"),
            ),
            (signs(false, &[], &["container"], ""), Some("`container`")),
            (
                signs(false, &[], &["KUBERNETES_SERVICE_HOST"], "0::/\n"),
                Some("`KUBERNETES_SERVICE_HOST`"),
            ),
            (signs(false, &[], &[], scope), Some("docker-0a1b2c.scope")),
            (
                signs(false, &[], &[], pod),
                Some("/kubepods/burstable/pod1"),
            ),
            (
                signs(false, &[], &[], first_version),
                Some("/docker/0a1b2c"),
            ),
            (signs(false, &[], &[], podman), Some("libpod-0a1b.scope")),
        ] {
            let said = case.of_a_container();
            match (&said, expected) {
                (None, None) => {}
                (Some(said), Some(words)) if said.contains(words) => {}
                (Some(_) | None, Some(_) | None) => panic!("{case:?}: {said:?}"),
            }
        }
    }

    #[test]
    fn only_loopback_listeners_of_a_container_are_out_of_reach() {
        let outside = signs(false, &[], &[], "");
        let inside = signs(true, &[], &[], "");
        for (listeners, signs, expected) in [
            (&["127.0.0.1:8000"][..], &outside, None),
            (
                &["127.0.0.1:8000"],
                &inside,
                Some("listen on 0.0.0.0:8000 "),
            ),
            (&["127.9.9.9:80"], &inside, Some("listen on 0.0.0.0:80 ")),
            (&["[::1]:8000"], &inside, Some("listen on [::]:8000 ")),
            (
                &["127.0.0.1:8000", "[::1]:8000"],
                &inside,
                Some("127.0.0.1:8000 is"),
            ),
            (&["0.0.0.0:8000"], &inside, None),
            (&["[::]:8000"], &inside, None),
            (&["192.0.2.1:8000"], &inside, None),
            (&["127.0.0.1:8000", "0.0.0.0:80"], &inside, None),
            (&[], &inside, None),
        ] {
            let addresses: Vec<_> = listeners
                .iter()
                .map(|address| address.parse().expect("an address"))
                .collect();
            let said = out_of_reach(&addresses, signs);
            match (&said, expected) {
                (None, None) => {}
                (Some(said), Some(words)) if said.contains(words) => {}
                (Some(_) | None, Some(_) | None) => panic!("{listeners:?}: {said:?}"),
            }
        }
    }
}
