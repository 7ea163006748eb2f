"""What the processes of one gunicorn share: made before the fork, and without any client."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from order_service.infrastructure.sharing.changes import Changes, new_changes
from order_service.infrastructure.sharing.turns import ItemTurns, new_turns
from order_service.infrastructure.telemetry.shared import Place, new_places


@dataclass(frozen=True, slots=True)
class Shared:
    """Shared by this process and the processes that it forks from then on. ``places``: where each
    process counts its metrics."""

    turns: ItemTurns = field(default_factory=new_turns)
    changes: Changes = field(default_factory=new_changes)
    places: Sequence[Place] = field(default_factory=new_places)
