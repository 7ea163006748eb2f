"""The processes below one."""

from pathlib import Path

from tests.system import System


def children(pid: int) -> frozenset[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return frozenset(int(each) for task in tasks for each in _read(task / "children"))


def api_workers(system: System, number: int = 0) -> frozenset[int]:
    """gunicorn's worker processes of that instance."""
    return children(system.api[number].pid)


def _read(path: Path) -> list[str]:
    return path.read_text().split()
