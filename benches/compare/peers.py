"""The proxies that are compared: how each is configured for a scenario, and what it cannot do.

All have the same duties: connections to the origin are kept alive, `X-Forwarded-For` and `Via` are sent, one worker or thread
is there, and with the log on there is a line per request in a file. Beyond that each gets what its own documentation
recommends for a proxy; where a limit of a peer would end a connection in the middle of a run (requests per connection, idle
time), it is raised.

A group of origins is asked in order for every request anew, and the primary once: nobody may remember that it is down, because
that is what the scenario is about.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Mapping

from certificate import Certificate
from origin import Endpoints
from process import Command, open_connections
from scenarios import Scenario

MANY = 1_000_000_000
IDLE_SECONDS = 120
# All or only the reading ones can be allowed, as in CloudFront.
METHODS = [f'"{method}"' for method in ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")]


@dataclass(frozen=True)
class Place:
    """Where one peer runs once: its own directory, the port for viewers and a spare one, the origins, the log file if any."""

    directory: Path
    port: int
    spare_port: int
    origins: Endpoints
    scenario: Scenario
    log: Path | None
    certificate: Certificate

    def write(self, name: str, text: str) -> str:
        """Writes a config file and returns its path."""
        file = self.directory / name
        file.write_text(text)
        return str(file)

    def connection(self) -> http.client.HTTPConnection:
        """A viewer's connection, HTTP/1.1, as the scenario's viewers come."""
        if self.scenario.is_secure():
            trusted = self.certificate.trusted()
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=trusted)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def members(self) -> list[tuple[str, int]]:
        """Name and port of each origin, in order."""
        both = [("primary", self.origins.primary), ("secondary", self.origins.secondary)]
        return [(name, port) for name, port in both if port is not None]

    def prefixes(self) -> list[str]:
        """The path prefixes of the scenario, in order, without the slash at the end: `/service-0` and so on."""
        return [f"/service-{number}" for number in range(self.scenario.behaviors)]


class Peer:
    """One proxy. `programs` maps each program it needs to the Debian package that has it."""

    name: ClassVar[str]
    programs: ClassVar[Mapping[str, str]]
    # Whether it can write a log at all.
    logs: ClassVar[bool] = True

    def __init__(self, programs: Mapping[str, str]) -> None:
        """`programs` maps the name of each program to its path."""
        self.at = programs

    def why_not(self, scenario: Scenario) -> str | None:
        """Why this peer takes no part in the scenario; none if it does."""
        raise NotImplementedError

    def path(self, scenario: Scenario) -> str:
        """The path asked of this peer."""
        return scenario.path

    def commands(self, place: Place) -> list[Command]:
        """Writes the config and returns what to start, in order. The first one takes the viewers' connections."""
        raise NotImplementedError

    def is_complete(self, place: Place) -> bool:
        """Whether everything that belongs to it is at work, once it has answered."""
        return True

    def version(self) -> str:
        """What the program says of its version: the first number with a dot in it."""
        raise NotImplementedError


def version_said(arguments: list[str]) -> str:
    """The first thing that looks like a version in what the command prints, on either output."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
    found = re.search(r"\d+\.\d+[\w.+~-]*", done.stdout + done.stderr)
    return found.group().rstrip(".") if found else "unknown"


def find(program: str) -> str | None:
    """The program's path. Debian keeps servers in /usr/sbin, which is not on everyone's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")


class Tideover(Peer):
    """The release build. One worker, metrics on, log in CloudFront's format; one attempt at the primary, as the others."""

    name = "tideover"
    programs: ClassVar[Mapping[str, str]] = {}

    def why_not(self, scenario: Scenario) -> str | None:
        return None

    def commands(self, place: Place) -> list[Command]:
        target = '"tiers"' if place.scenario.groups() else '"primary"'
        scheme = "https" if place.scenario.is_secure() else "http"
        text = f'[listen]\n{scheme} = "127.0.0.1:{place.port}"\nadmin = "127.0.0.1:{place.spare_port}"\nworkers = 1\n'
        if place.scenario.is_secure():
            shown = f'{{ certificate = "{place.certificate.file}", key = "{place.certificate.key}" }}'
            text += f'[tls]\nminimum_protocol_version = "TLSv1.3_2025"\ncertificates = [{shown}]\n'
        if place.log:
            text += f'[access_log]\nto = "{place.log}"\n'
        for name, port in place.members():
            text += f'[origin.{name}]\nurl = "http://127.0.0.1:{port}"\nconnection_attempts = 1\n'
        if place.scenario.groups():
            text += '[origin_group.tiers]\nmembers = ["primary", "secondary"]\nfail_over_on = [503]\n'
        for prefix in place.prefixes():
            text += f'[[distribution.compare.behavior]]\npath = "{prefix}/*"\ntarget = {target}\n'
        text += f"[distribution.compare.default_behavior]\ntarget = {target}\n"
        # What forwarding costs is not to depend on what the origin says.
        text += f'cache = "{"origin" if place.scenario.cached else "off"}"\n'
        if place.scenario.method not in ("GET", "HEAD"):
            text += f"allowed_methods = [{', '.join(METHODS)}]\n"
        return [Command([self.at["tideover"], "run", "--config", place.write("tideover.toml", text)])]

    def version(self) -> str:
        return version_said([self.at["tideover"], "--version"])


class TideoverFirst(Tideover):
    """The same config, asked for what the first behavior takes: what the way to the last one costs."""

    name = "tideover-first"

    def why_not(self, scenario: Scenario) -> str | None:
        return None if scenario.behaviors else "it is there for many behaviors only"

    def path(self, scenario: Scenario) -> str:
        return "/service-0/" + scenario.path.rsplit("/", 1)[1]


class TideoverPgo(Tideover):
    """The same config and code, built by `benches/pgo`."""

    name = "tideover-pgo"


class Bare(Peer):
    """The least that a forwarding edge on Tideover's crates can do (`benches/bare.rs`): no rules, no log, no metrics."""

    name = "bare"
    programs: ClassVar[Mapping[str, str]] = {}
    logs = False

    def why_not(self, scenario: Scenario) -> str | None:
        if scenario.is_secure():
            return "it speaks HTTP/1.1 without TLS only"
        if not scenario.keeps_alive():
            return "it passes `Connection: close` on to the origin and loses its connection"
        if scenario.cached:
            return "it keeps nothing"
        return "it knows one origin" if scenario.groups() else None

    def commands(self, place: Place) -> list[Command]:
        return [Command([self.at["bare"], f"127.0.0.1:{place.port}", f"127.0.0.1:{place.origins.primary}"])]

    def version(self) -> str:
        return "of this repository"


class Nginx(Peer):
    """One worker; upstream keep-alive and a buffered log, as nginx's documentation has them; gzip off, as all others."""

    name = "nginx"
    programs: ClassVar[Mapping[str, str]] = {"nginx": "nginx"}
    buffers: ClassVar[str] = ""

    def why_not(self, scenario: Scenario) -> str | None:
        return None

    def commands(self, place: Place) -> list[Command]:
        home = place.directory
        user = "user root;" if os.geteuid() == 0 else ""
        log = f"{place.log} combined buffer=64k flush=1s" if place.log else "off"
        servers = "".join(
            f"server 127.0.0.1:{port} max_fails=0{' backup' if name == 'secondary' else ''}; "
            for name, port in place.members()
        )
        following = "proxy_next_upstream error timeout http_503;" if place.scenario.groups() else ""
        listening, secure = "", ""
        if place.scenario.is_secure():
            listening = " ssl http2" if place.scenario.is_http2() else " ssl"
            secure = f"ssl_certificate {place.certificate.file}; ssl_certificate_key {place.certificate.key};"
            secure += " ssl_protocols TLSv1.3; ssl_ecdh_curve X25519:prime256v1;"
        cache, sending = "", "sendfile on; tcp_nopush on;"
        if place.scenario.cached:
            # Its files stay in the kernel's memory, and open; the answer says whether it came out of them, as others' do.
            # By sendfile a hit took about a third more CPU (1 KiB) and twice as much (64 KiB), which came 40 ms late.
            sending = "sendfile off; output_buffers 1 128k;"
            cache = (
                f"proxy_cache_path {home}/cache keys_zone=kept:16m max_size=512m inactive=1d use_temp_path=off; "
                "proxy_cache kept; add_header X-Cache $upstream_cache_status; "
                "open_file_cache max=1024 inactive=1d; open_file_cache_valid 1d;"
            )
        locations = "".join(
            f"location {prefix}/ {{ proxy_pass http://origins; }}\n" for prefix in [*place.prefixes(), ""]
        )
        text = f"""
{user}
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/stderr-log error;
events {{ worker_connections {open_connections()}; }}
http {{
    access_log {log};
    {sending}
    gzip off;
    keepalive_timeout {IDLE_SECONDS};
    keepalive_requests {MANY};
    client_header_timeout {IDLE_SECONDS};
    # At its default of 16k a body of 16 KiB goes through a file, at five times the CPU.
    client_body_buffer_size 64k;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    upstream origins {{
        {servers}
        # As many as there can be requests at a time.
        keepalive 1024;
        keepalive_requests {MANY};
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Via "1.1 nginx";
    {following}
    {cache}
    {self.buffers}
    server {{
        listen 127.0.0.1:{place.port}{listening} backlog=4096;
        {secure}
        {locations}
    }}
}}
"""
        return [Command([self.at["nginx"], "-p", str(home), "-c", place.write("nginx.conf", text)])]

    def version(self) -> str:
        return version_said([self.at["nginx"], "-v"])


class NginxLargeBuffers(Nginx):
    """nginx with proxy buffers that hold 64 KiB at a time instead of 4 KiB; for large bodies."""

    name = "nginx-large-buffers"
    buffers = "proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;"

    def why_not(self, scenario: Scenario) -> str | None:
        return None if scenario.large_bodies else "its buffers matter for large bodies that are forwarded only"


class HAProxy(Peer):
    """One thread. The log goes to standard output, which is a file: no other process reads it, each line is one write.

    The primary is named by `use-server`, and a redispatch goes to the other server of the round robin. HAProxy waits a second
    before it asks the same server again, but not before it asks another one.
    """

    name = "haproxy"
    programs: ClassVar[Mapping[str, str]] = {"haproxy": "haproxy"}
    large: ClassVar[str] = ""

    def why_not(self, scenario: Scenario) -> str | None:
        return None

    def commands(self, place: Place) -> list[Command]:
        following = ""
        if place.scenario.groups():
            following = (
                "    balance roundrobin\n    retries 1\n    option redispatch 1\n"
                "    retry-on conn-failure empty-response response-timeout 503\n    use-server primary if TRUE\n"
            )
        servers = "".join(f"    server {name} 127.0.0.1:{port}\n" for name, port in place.members())
        routes = ""
        if place.prefixes():
            table = place.write("routes.map", "".join(f"{prefix}/ origins\n" for prefix in place.prefixes()))
            routes = f"    use_backend %[path,map_beg({table},origins)]\n"
        kept, keeping = "", ""
        if place.scenario.cached:
            # In MiB and bytes; an object has to have room for its head. Larger buffers (`tune.bufsize`) made no hit cheaper.
            kept = "cache kept\n    total-max-size 64\n    max-object-size 1048576\n    max-age 86400\n"
            keeping = "    http-request cache-use kept\n    http-response cache-store kept\n"
        secure = ""
        if place.scenario.is_secure():
            spoken = "h2,http/1.1" if place.scenario.is_http2() else "http/1.1"
            secure = f" ssl crt {place.certificate.both} ssl-min-ver TLSv1.3 alpn {spoken} curves X25519:P-256"
        text = f"""
global
    nbthread 1
    maxconn {open_connections()}
    {"log stdout format raw local0" if place.log else ""}
defaults
    mode http
    {"log global" if place.log else ""}
    {"option httplog" if place.log else ""}
    option dontlognull
    option forwardfor
    http-reuse always
    timeout connect 5s
    timeout client {IDLE_SECONDS}s
    timeout server {IDLE_SECONDS}s
    timeout http-request {IDLE_SECONDS}s
    timeout http-keep-alive {IDLE_SECONDS}s
    {self.large}
{kept}frontend viewers
    bind 127.0.0.1:{place.port} backlog 4096{secure}
    http-request add-header Via "1.1 haproxy"
{routes}    default_backend origins
backend origins
{keeping}{following}{servers}"""
        return [Command([self.at["haproxy"], "-db", "-f", place.write("haproxy.cfg", text)], stdout=place.log)]

    def version(self) -> str:
        return version_said([self.at["haproxy"], "-v"])


class HAProxySplice(HAProxy):
    """HAProxy that lets the kernel move large bodies between the sockets where it finds that worth it (`splice-auto`)."""

    name = "haproxy-splice"
    large = "option splice-auto"

    def why_not(self, scenario: Scenario) -> str | None:
        if scenario.is_secure():
            return "what has to be encrypted cannot be spliced"
        return None if scenario.large_bodies else "splicing matters for large bodies that are forwarded only"


class Varnish(Peer):
    """Every request passed, nothing cached where the scenario is not about that; `varnishncsa` writes the log and its CPU is counted. Varnish has a thread per
    connection that is being served and no single-threaded mode: it has one pool of them, on the same core."""

    name = "varnish"
    programs: ClassVar[Mapping[str, str]] = {"varnishd": "varnish", "varnishncsa": "varnish"}

    def why_not(self, scenario: Scenario) -> str | None:
        return "it speaks no TLS" if scenario.is_secure() else None

    def commands(self, place: Place) -> list[Command]:
        backends = "".join(
            f'backend {name} {{ .host = "127.0.0.1"; .port = "{port}"; }}\n' for name, port in place.members()
        )
        following = ""
        if place.scenario.groups():
            following = """
sub vcl_backend_fetch { if (bereq.retries > 0) { set bereq.backend = secondary; } }
sub vcl_backend_response { if (beresp.status == 503 && bereq.retries == 0) { return (retry); } }
sub vcl_backend_error { if (bereq.retries == 0) { return (retry); } }
"""
        routes = "".join(
            f'{"else " if number else ""}if (req.url ~ "^{prefix}/") {{ set req.backend_hint = primary; }}\n'
            for number, prefix in enumerate(place.prefixes())
        )
        vcl = place.write(
            "tideover-compare.vcl",
            f"""vcl 4.1;
{backends}
sub vcl_recv {{
{routes}
    set req.http.Via = "1.1 varnish";
    {"" if place.scenario.cached else "return (pass);"}
}}
{following}""",
        )
        home = str(place.directory / "varnish")
        daemon = [self.at["varnishd"], "-F", "-j", "none", "-n", home, "-a", f"127.0.0.1:{place.port}", "-T", "none"]
        daemon += ["-f", vcl, "-s", "malloc,64M", "-p", "thread_pools=1", "-p", f"timeout_idle={IDLE_SECONDS}"]
        # It would leave an origin alone for a while after a failed connect.
        daemon += ["-p", "backend_local_error_holddown=0", "-p", "backend_remote_error_holddown=0"]
        started = [Command(daemon)]
        if place.log:
            started.append(Command([self.at["varnishncsa"], "-n", home, "-t", "20", "-w", str(place.log)]))
        return started

    def is_complete(self, place: Place) -> bool:
        # varnishncsa begins with what happens after it has found its varnishd.
        return place.log is None or (place.log.exists() and place.log.stat().st_size > 0)

    def version(self) -> str:
        return version_said([self.at["varnishd"], "-V"])


class H2o(Peer):
    """One thread. It adds `X-Forwarded-For` and `Via` by itself."""

    name = "h2o"
    programs: ClassVar[Mapping[str, str]] = {"h2o": "h2o"}

    def why_not(self, scenario: Scenario) -> str | None:
        if scenario.cached:
            return "it keeps nothing of what it forwards"
        return "it has no second origin to go on to" if scenario.groups() else None

    def commands(self, place: Place) -> list[Command]:
        paths = "".join(
            f'      "{prefix}/":\n        proxy.reverse.url: "http://127.0.0.1:{place.origins.primary}{prefix}/"\n'
            for prefix in [*place.prefixes(), ""]
        )
        secure = ""
        if place.scenario.is_secure():
            secure = f"""  ssl:
    certificate-file: {place.certificate.file}
    key-file: {place.certificate.key}
    minimum-version: TLSv1.3
"""
        text = f"""num-threads: 1
max-connections: {open_connections()}
http1-request-timeout: {IDLE_SECONDS}
pid-file: {place.directory}/pid
error-log: {place.directory}/stderr-log
{f"access-log: {place.log}" if place.log else ""}
{"user: root" if os.geteuid() == 0 else ""}
proxy.preserve-host: ON
proxy.timeout.keepalive: {IDLE_SECONDS * 1000}
listen:
  host: 127.0.0.1
  port: {place.port}
{secure}hosts:
  default:
    paths:
{paths}"""
        return [Command([self.at["h2o"], "-c", place.write("h2o.conf", text)])]

    def version(self) -> str:
        return version_said([self.at["h2o"], "--version"])


# In the order of the tables.
FROM_DEBIAN: tuple[type[Peer], ...] = (Nginx, NginxLargeBuffers, HAProxy, HAProxySplice, Varnish, H2o)
OURS: tuple[type[Peer], ...] = (Tideover, TideoverFirst)
