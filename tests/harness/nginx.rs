//! Real nginx: started, killed and restarted with signals, always at the same port.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use socket2::{Domain, Socket, Type};

use crate::certificates::Certificate;
use crate::folder::Folder;
use crate::gate::{ms, patiently};
use crate::origin::{BlackHole, fills_the_queue};

/// How a line of its access log looks: `GET /owners?page=2 200 ID`, the id being what the edge sends as `X-Request-Id`.
const LOG_FORMAT: &str = "$request_method $request_uri $status $http_x_request_id";

/// An nginx of this name, with this inside its `server { … }`.
pub fn nginx(name: &str, server: &str) -> NginxBuilder {
    NginxBuilder {
        name: name.to_owned(),
        server: server.to_owned(),
        files: Vec::new(),
        holes: Vec::new(),
        certificate: None,
    }
}

/// An nginx that has not started yet.
#[derive(Debug)]
#[must_use = "an nginx serves once it is started"]
pub struct NginxBuilder {
    name: String,
    server: String,
    files: Vec<(String, Vec<u8>)>,
    holes: Vec<(String, u64, Vec<u64>)>,
    certificate: Option<Certificate>,
}

impl NginxBuilder {
    /// A file in the folder `www`, which is the server's root.
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// A file of so many zeros that take no place; at each of these positions it has the position itself, in eight bytes.
    pub fn hole(mut self, name: &str, bytes: u64, marks: &[u64]) -> Self {
        self.holes.push((name.to_owned(), bytes, marks.to_vec()));
        self
    }

    /// Speaks TLS with this certificate.
    pub fn https(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When Debian's nginx is not installed, or does not come up.
    pub async fn start(self) -> Nginx {
        let folder = Folder::new();
        std::fs::create_dir(folder.path().join("www")).expect("the folder can be written");
        for (name, content) in &self.files {
            folder.write(&format!("www/{name}"), content);
        }
        for (name, bytes, marks) in &self.holes {
            let path = folder.path().join("www").join(name);
            let file = File::create(path).expect("the folder can be written");
            file.set_len(*bytes).expect("a file takes a length");
            for mark in marks {
                file.write_all_at(&mark.to_be_bytes(), *mark)
                    .expect("the folder can be written");
            }
        }
        let port = reserve_a_port();
        let address = address_of(&port);
        folder.write("nginx.conf", self.config(address, &folder));
        let mut nginx = Nginx {
            name: self.name,
            address,
            is_https: self.certificate.is_some(),
            folder,
            master: None,
            _port: port,
        };
        nginx.starts().await;
        nginx
    }

    fn config(&self, address: SocketAddr, folder: &Folder) -> String {
        let at = folder.path().display();
        let tls = match &self.certificate {
            None => "",
            Some(certificate) => {
                folder.write("certificate.pem", certificate.pem());
                folder.write("key.pem", certificate.key_pem());
                "ssl_certificate certificate.pem; ssl_certificate_key key.pem;"
            }
        };
        let ssl = if tls.is_empty() { "" } else { " ssl" };
        // Started by root, its workers would else be somebody who may not read the folder.
        let user = if rustix::process::getuid().is_root() {
            "user root root;"
        } else {
            ""
        };
        format!(
            r#"daemon off; {user} worker_processes 1; pid {at}/pid; error_log {at}/error.log;
events {{ worker_connections 512; }}
http {{
    log_format scenario '{LOG_FORMAT}';
    access_log {at}/access.log scenario;
    client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
    default_type text/plain;
    server {{
        listen {address}{ssl}; {tls}
        root {at}/www;
        {server}
    }}
}}
"#,
            server = self.server
        )
    }
}

/// nginx, told to end when whoever asked for it is gone: a scenario that is ended from outside drops nothing.
fn program() -> Command {
    let installed = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("nginx");
    // Part of Debian's util-linux, which is never missing there. TERM, because a master that is killed leaves its workers.
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return Command::new(installed);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--", installed]);
    command
}

/// Bound and not listening: nobody else is given the port, the kernel refuses connections to it, and nginx, which like
/// this socket allows the address to be used again, may still listen there.
fn reserve_a_port() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .set_reuse_address(true)
        .expect("a socket takes options");
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&loopback.into()).expect("a port of loopback");
    socket
}

fn address_of(socket: &Socket) -> SocketAddr {
    socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .expect("a bound socket has an address")
}

/// A real nginx; it and its workers are killed with this value.
#[derive(Debug)]
pub struct Nginx {
    name: String,
    address: SocketAddr,
    is_https: bool,
    folder: Folder,
    /// Leads a process group of its own, which its workers belong to.
    master: Option<Child>,
    _port: Socket,
}

impl Nginx {
    /// As in the scenario.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same as long as this value lives, whether anybody listens there or not.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `--map`.
    pub fn url(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Starts it, again or for the first time; returns when it accepts connections and minds signals.
    ///
    /// # Panics
    /// When it runs already, or does not come up.
    pub async fn starts(&mut self) {
        assert!(self.master.is_none(), "{} runs already", self.name);
        let master = program()
            .arg("-p")
            .arg(self.folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed (tests/run does that)");
        self.master = Some(master);
        patiently("nginx listens", async {
            // It listens before it minds signals, and minds them before it has workers.
            while TcpStream::connect(self.address).is_err() || self.workers().is_empty() {
                let ended = self
                    .master
                    .as_mut()
                    .is_some_and(|master| master.try_wait().is_ok_and(|status| status.is_some()));
                assert!(!ended, "nginx does not start: {}", self.error_log());
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
    }

    /// SIGKILL to all of it, as when a machine dies; returns when its port refuses.
    pub async fn is_killed(&mut self) {
        self.kill();
        // The workers are nobody's children any more: that they are gone shows at the port.
        patiently("the port of a dead nginx refuses", async {
            loop {
                match TcpStream::connect(self.address) {
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                    Ok(_) | Err(_) => tokio::time::sleep(ms(1)).await,
                }
            }
        })
        .await;
    }

    fn kill(&mut self) {
        if let Some(mut master) = self.master.take() {
            let _ = kill_process_group(Pid::from_child(&master), Signal::KILL);
            let _ = master.wait();
        }
    }

    /// SIGHUP: a new worker takes over, the old one finishes what it has and closes idle connections. Returns when the
    /// old worker is gone.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn reloads(&mut self) {
        let old = self.workers();
        let master = self.master.as_ref().expect("it runs");
        kill_process(Pid::from_child(master), Signal::HUP).expect("it runs");
        patiently("the old worker is gone", async {
            while self.workers().iter().any(|worker| old.contains(worker))
                || self.workers().is_empty()
            {
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
    }

    /// SIGQUIT: no new connection, what runs is finished. Returns when it has ended.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub async fn quits(&mut self) {
        let mut master = self.master.take().expect("it runs");
        kill_process(Pid::from_child(&master), Signal::QUIT).expect("it runs");
        let ended = tokio::task::spawn_blocking(move || master.wait());
        patiently("nginx ends", ended)
            .await
            .expect("waiting does not panic")
            .expect("it can be waited for");
    }

    /// SIGSTOP to all of it, and SIGCONT: while it is stopped, the kernel accepts connections for it and nobody answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn is_stopped(&self, stopped: bool) {
        let master = self.master.as_ref().expect("it runs");
        let signal = if stopped { Signal::STOP } else { Signal::CONT };
        kill_process_group(Pid::from_child(master), signal).expect("it runs");
    }

    /// Killed, and from then on connecting to its port never ends; until the value is dropped, when the port refuses.
    pub async fn becomes_a_black_hole(&mut self) -> BlackHole {
        self.is_killed().await;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .set_reuse_address(true)
            .expect("a socket takes options");
        socket
            .bind(&self.address.into())
            .expect("the port is nobody else's");
        fills_the_queue(socket, self.address).await
    }

    /// Writes a file into its folder, such as `www/NAME`.
    pub fn writes(&self, name: &str, content: &str) {
        self.folder.write(name, content);
    }

    /// Removes it again.
    ///
    /// # Panics
    /// When it is not there.
    pub fn removes(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).expect("the file is there");
    }

    /// Ids of its worker processes.
    fn workers(&self) -> Vec<i32> {
        let master = self.master.as_ref().map_or(0, Child::id);
        let children = format!("/proc/{master}/task/{master}/children");
        std::fs::read_to_string(children)
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect()
    }

    /// The complete lines of its access log: `GET /owners 200 ID`.
    pub fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log"));
        text.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Its access log once it has this many lines: nginx writes a line after the answer.
    ///
    /// # Panics
    /// When it has not for too long.
    pub async fn logged(&self, count: usize) -> Vec<String> {
        patiently("lines in nginx's log", async {
            while self.log().len() < count {
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
        self.log()
    }

    fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

/// For the scenarios of nginx that ask whether something took too long.
pub const AT_ONCE: Duration = Duration::from_millis(100);
