"""Finds running processes by a mark in their environment, which children inherit."""

from pathlib import Path

MARK = "DEVSTACK_TEST_MARK"


def marked(mark: str) -> list[int]:
    """Ids of the running processes that carry the mark; one that is only unburied doesn't."""
    wanted = f"{MARK}={mark}".encode()
    return [
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and wanted in _environ(p)
    ]


def _environ(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def command_of(pid: int) -> str:
    """Its command line, words separated by blanks."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
