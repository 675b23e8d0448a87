"""The origin behind every peer: one nginx worker that shares a core with the load generator.

It counts what it is asked (`stub_status`), so that a peer that answers without asking, or asks twice, is found out.
"""

from __future__ import annotations

import http.client
import os
import re
from dataclasses import dataclass

from process import Command, Family, RefusingPort, Workplace, free_port
from scenarios import KIB, Origins, Scenario

# What the primary says with its 503: as short as an application that is down makes it.
DOWN = "down\n"


@dataclass(frozen=True)
class Seen:
    """What the origins were asked since they started, both together."""

    requests: int
    connections: int


@dataclass(frozen=True)
class Endpoints:
    """Ports of 127.0.0.1 where a scenario's origins are. The secondary is none where there is one origin."""

    primary: int
    secondary: int | None


class Origin:
    """One nginx that is every origin, each on a port of its own."""

    def __init__(self, workplace: Workplace, nginx: str, core: int) -> None:
        """Starts it; it ends with the workplace."""
        directory = workplace.folder("origin")
        for name, size in (("64k", 64 * KIB), ("1m", KIB * KIB)):
            (directory / name).write_bytes(b"x" * size)
        self._answering, self._unavailable, self._status = free_port(), free_port(), free_port()
        refusing = RefusingPort()
        workplace.callback(refusing.close)
        self._refusing = refusing.port
        config = directory / "nginx.conf"
        config.write_text(self._config(str(directory)))
        self._family = Family([Command([nginx, "-p", str(directory), "-c", str(config)])], directory, core)
        workplace.callback(self._family.end)
        self._family.wait_until(self._answers, "the origin")

    @property
    def roots(self) -> set[int]:
        """Ids of its processes, without what they started."""
        return self._family.roots

    def endpoints(self, scenario: Scenario) -> Endpoints:
        """Where the scenario's origins are."""
        return {
            Origins.ONE: Endpoints(self._answering, None),
            Origins.PRIMARY_SAYS_503: Endpoints(self._unavailable, self._answering),
            Origins.PRIMARY_REFUSES: Endpoints(self._refusing, self._answering),
        }[scenario.origins]

    def seen(self) -> Seen:
        """The counters now. Asking is itself one request on one connection, which is counted as well."""
        connection = http.client.HTTPConnection("127.0.0.1", self._status, timeout=5)
        try:
            connection.request("GET", "/")
            return parse_stub_status(connection.getresponse().read().decode())
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.seen().requests > 0
        except OSError:
            return False

    def _config(self, directory: str) -> str:
        user = "user root;" if os.geteuid() == 0 else ""
        kept = "keepalive_timeout 3600; keepalive_requests 1000000000;"
        return f"""
{user}
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/stderr-log warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    server_tokens off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=3600;
    open_file_cache_valid 3600;
    client_body_buffer_size 64k;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {kept}
    server {{
        listen 127.0.0.1:{self._answering} backlog=4096;
        root {directory};
        location = /1k {{ return 200 "{"x" * KIB}"; }}
        location /service- {{ return 200 "{"x" * KIB}"; }}
        # A file says when it was changed, by which a cache may keep it.
        etag off;
        add_header Last-Modified "";
        location = /64k {{ }}
        location = /1m {{ }}
        location = /kept/1k {{ add_header Cache-Control max-age=3600; return 200 "{"x" * KIB}"; }}
        location = /kept/64k {{ add_header Last-Modified ""; add_header Cache-Control max-age=3600; alias {directory}/64k; }}
        # What arrived here, for the check before anything is measured.
        location ~ /duties$ {{ return 200 "for=$http_x_forwarded_for\nvia=$http_via\nhost=$http_host\n"; }}
        # `mirror` reads the whole body before the request goes on; a file refuses POST, and that refusal is the answer.
        location = /post {{ mirror /read; mirror_request_body on; error_page 405 = @read; try_files /1m =404; }}
        location = /read {{ internal; return 204; }}
        location @read {{ add_header X-Request-Length $request_length; return 200 "{"x" * KIB}"; }}
    }}
    server {{
        listen 127.0.0.1:{self._unavailable} backlog=4096;
        location / {{ return 503 "{DOWN}"; }}
    }}
    server {{
        listen 127.0.0.1:{self._status};
        location / {{ stub_status; }}
    }}
}}
"""


def parse_stub_status(text: str) -> Seen:
    """The counters in the answer of nginx's `stub_status`."""
    found = re.search(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s*$", text, re.MULTILINE)
    if not found:
        raise ValueError(f"not an answer of stub_status: {text!r}")
    accepted, _handled, requests = (int(number) for number in found.groups())
    return Seen(requests=requests, connections=accepted)


def per_request(before: Seen, after: Seen, requests: int) -> tuple[float, float]:
    """Requests and connections that the origins saw per viewer request, between two answers of `Origin.seen`."""
    asked = max(1, requests)
    # The second question was counted with what came before it.
    return (after.requests - before.requests - 1) / asked, (after.connections - before.connections - 1) / asked
