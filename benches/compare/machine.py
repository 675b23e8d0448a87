"""What Linux tells of processes and cores: CPU time, memory, who else was busy.

Everything here reads `/proc` and nothing else. Times are seconds, memory is bytes. The counters of `/proc` move in ticks of
usually 10 ms: over one second that is one percent, over five seconds a fifth of one.
"""

from __future__ import annotations

import gzip
import os
import platform
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def interrupts_apart() -> bool:
    """Whether the running kernel takes time in interrupts out of the processes' times (CONFIG_IRQ_TIME_ACCOUNTING).

    On loopback much of a packet's way is a soft interrupt of whoever sent it. A kernel without the option charges it to that
    process, and CPU per request is all of it; with the option it is charged to nobody. Unknown counts as without.
    """
    option = b"CONFIG_IRQ_TIME_ACCOUNTING=y\n"
    try:
        if option in Path(f"/boot/config-{platform.release()}").read_bytes():
            return True
        return option in gzip.decompress(Path("/proc/config.gz").read_bytes())
    except OSError:
        return False


INTERRUPTS_APART = interrupts_apart()


@dataclass(frozen=True)
class Process:
    """One line of `/proc/PID/stat`: who started it, whose session it is in, and what it has used so far."""

    pid: int
    parent: int
    session: int
    cpu: float


@dataclass(frozen=True)
class CoreTime:
    """One `cpuN` line of `/proc/stat`, summed by kind; seconds since boot.

    `stolen` is what the hypervisor kept for others. `interrupts` is time in hard and soft interrupts; see `interrupts_apart`.
    """

    working: float
    stolen: float
    interrupts: float


def parse_stat(line: str) -> Process:
    """The process of one `/proc/PID/stat` line. Its name stands in parentheses and may hold spaces and parentheses."""
    head, _, tail = line.rpartition(")")
    fields = tail.split()
    # Counted from the state, which is field 3: parent 4, session 6, utime 14, stime 15.
    return Process(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        session=int(fields[3]),
        cpu=(int(fields[11]) + int(fields[12])) * TICK,
    )


def parse_cores(text: str) -> dict[int, CoreTime]:
    """The cores of `/proc/stat`, by number."""
    cores = {}
    for line in text.splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _iowait, hard, soft, stolen = (int(tick) * TICK for tick in ticks[:8])
            cores[int(name[3:])] = CoreTime(user + nice + system, stolen, hard + soft)
    return cores


def parse_pss(text: str) -> int:
    """The proportional set size of `/proc/PID/smaps_rollup`, in bytes: shared pages are divided among those who share them."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("smaps_rollup has no Pss line")


def processes() -> dict[int, Process]:
    """Every process there is now, by id."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                process = parse_stat(Path(entry.path, "stat").read_text(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            found[process.pid] = process
    return found


def family(roots: set[int], everyone: dict[int, Process]) -> set[int]:
    """`roots`, what they started and what that started, and everything in a session that a root leads."""
    members = {pid for pid, process in everyone.items() if pid in roots or process.session in roots}
    while True:
        children = {pid for pid, process in everyone.items() if process.parent in members} - members
        if not children:
            return members
        members |= children


def cpu_of(roots: set[int]) -> dict[int, float]:
    """CPU seconds (user and system) used so far by each process of the family."""
    everyone = processes()
    return {pid: everyone[pid].cpu for pid in family(roots, everyone)}


def used_between(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds used between two answers of `cpu_of`. One that ended in between counts only until the first."""
    return sum(cpu - before.get(pid, 0.0) for pid, cpu in after.items())


def pss_of(roots: set[int]) -> int:
    """Proportional set size of the whole family, bytes."""
    total = 0
    for pid in family(roots, processes()):
        try:
            total += parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def cores_now() -> dict[int, CoreTime]:
    """What each core has done since boot."""
    return parse_cores(Path("/proc/stat").read_text())


def parse_failed_connects(text: str) -> int:
    """`AttemptFails` of `/proc/net/snmp`: TCP connections that were refused or given up before they were open."""
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:"))
    return int(dict(zip(names, values))["AttemptFails"])


def failed_connects() -> int:
    """Connections that were not let in since boot, of anybody here."""
    return parse_failed_connects(Path("/proc/net/snmp").read_text())


def description() -> dict[str, str | int]:
    """The machine, in words for the report: CPU model, cores, kernel, system, memory."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.split(":", 1)[1].strip()
            break
    system = platform.system()
    try:
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                system = line.split("=", 1)[1].strip('"')
    except FileNotFoundError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "kernel": platform.release(),
        "system": system,
        "memory_mib": memory >> 20,
        "interrupts": "apart from processes" if INTERRUPTS_APART else "in the processes' times",
    }
