"""The certificate that every peer shows, made at each start: ECDSA on P-256, of nobody's authority but its own."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "localhost"


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the certificate, its key, and both in one."""

    file: Path
    key: Path
    both: Path

    def trusted(self) -> ssl.SSLContext:
        """A viewer's settings: TLS 1.3, HTTP/1.1, no other certificate."""
        context = ssl.create_default_context(cafile=str(self.file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # it is asked by its address
        context.set_alpn_protocols(["http/1.1"])
        return context


def make(folder: Path, openssl: str) -> Certificate:
    """Makes one in `folder`, which others may look into: some peers read it as somebody else."""
    made = Certificate(folder / "viewer.pem", folder / "viewer.key", folder / "viewer-both.pem")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command += ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    made.both.write_text(made.file.read_text() + made.key.read_text())
    return made
