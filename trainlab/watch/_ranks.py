"""The processes of one job that torchrun has started: each sends what it saw to rank 0, which reports.

They meet in the store that torchrun itself keeps for its workers, under keys of our own; what the script does with it, and its
process groups, are not touched.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WAIT_SECONDS = 60.0  # for a rank that has not ended when rank 0 has
HURRY_SECONDS = 5.0  # likewise, when rank 0 was told to end
POLL_SECONDS = 0.05
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Of this process in its job: `rank` of `size`; `attempt` counts restarts."""

    rank: int
    size: int
    host: str
    port: int
    attempt: str

    def send(self, data: bytes) -> None:
        """To rank 0.

        Raises:
            RuntimeError: the store is gone.
        """
        self.open().set(str(self.rank), data)

    def gather(self, ended: Callable[[], bool]) -> dict[int, bytes]:
        """What the other ranks have sent, of those that did.

        Args:
            ended: whether this process has been told to end, and should not wait for long.

        Raises:
            RuntimeError: the store is gone.
        """
        store = self.open()
        missing, found = set(range(self.size)) - {self.rank}, {}
        began, told = time.monotonic(), None
        while missing:
            for rank in [each for each in sorted(missing) if store.check([str(each)])]:
                found[rank] = bytes(store.get(str(rank)))
                missing.remove(rank)
            now = time.monotonic()
            told = now if told is None and ended() else told
            if now - began > WAIT_SECONDS or (told is not None and now - told > HURRY_SECONDS):
                break
            if missing:
                time.sleep(POLL_SECONDS)
        return dict(sorted(found.items()))

    def open(self) -> Any:
        """The store of the job, for keys of ours.

        Raises:
            RuntimeError: it is gone.
        """
        from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # public all the same

        timeout = datetime.timedelta(seconds=CONNECT_SECONDS)
        store = TCPStore(self.host, self.port, is_master=False, wait_for_workers=False, timeout=timeout)
        return PrefixStore(f"trainlab/{self.attempt}", store)


class Stopping:
    """Ends all ranks after the same update: one that ended by itself would leave the others waiting for its gradients.

    Ranks that average gradients are never an update apart. So the rank that wants to end says after which update, two looks ahead;
    all have asked by then.
    """

    def __init__(self, place: Place, every: int) -> None:
        self._place, self._every = place, every
        self._store: Any = None

    def announce(self, update: int) -> None:
        """This rank wants to end; the first to say so counts."""
        self._open().compare_set("stop", "", f"{update + 2 * self._every} {self._place.rank}")

    def ask(self) -> tuple[int, int] | None:
        """The update after which all end, and the rank that wants it; None if none does."""
        store = self._open()
        if not store.check(["stop"]):
            return None
        update, rank = store.get("stop").split()
        return int(update), int(rank)

    def _open(self) -> Any:
        self._store = self._store or self._place.open()
        return self._store


def find_place(environment: Mapping[str, str]) -> Place | None:
    """As torchrun, or what launches as it does, has told this process; None where there is one process, or no such store."""
    if environment.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or int(environment.get("WORLD_SIZE", "1")) < 2:
        return None
    return Place(
        rank=int(environment["RANK"]),
        size=int(environment["WORLD_SIZE"]),
        host=environment["MASTER_ADDR"],
        port=int(environment["MASTER_PORT"]),
        attempt=environment.get("TORCHELASTIC_RESTART_COUNT", "0"),
    )
