"""What is laid out is done when its part of the hour has come; the exchange and the processes are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.soak.accounts.actor import AccountsActor
from sandbox.soak.accounts.happenings import Happening, HappeningKind
from sandbox.soak.accounts.plan import AccountsPlan
from schemas.markets import Market


class Witness:
    """Processes and exchange, which note what they are told."""

    def __init__(self, *, hits: int = 1, status: int = 0) -> None:
        self.calls: list[str] = []
        self._faults = 0
        self._hits = hits
        self._status = status

    def restart(self, name: str) -> int | None:
        self.calls.append(f"restart {name}")
        return self._status

    def kill(self, name: str) -> None:
        self.calls.append(f"kill {name}")

    def order(self, fault: Mapping[str, Any]) -> int:
        self.calls.append(f"{fault['fault']} {fault['account']}")
        self._faults += 1
        return self._faults

    def hits(self) -> Mapping[int, int]:
        return dict.fromkeys(range(1, self._faults + 1), self._hits)

    def give_key(self, account: str) -> None:
        self.calls.append(f"key {account}")

    def revoke_old_keys(self, account: str) -> None:
        self.calls.append(f"revoke {account}")

    def transfer(self, market: Market, account: str, asset: str, amount: str) -> None:
        self.calls.append(f"transfer {market} {account} {amount} {asset}")


def actor_of(witness: Witness, *happenings: Happening) -> AccountsActor:
    return AccountsActor(
        AccountsPlan(),
        happenings,
        processes=witness,
        exchange=witness,
        before_kill=lambda: witness.calls.append("look"),
        tell=lambda _: None,
    )


def test_nothing_happens_before_its_time_and_everything_once() -> None:
    witness = Witness()
    actor = actor_of(
        witness,
        Happening(0.1, HappeningKind.RESET, "main"),
        Happening(0.2, HappeningKind.INGEST_RESTART),
        Happening(0.3, HappeningKind.INGEST_KILL),
    )

    actor.step(0.09)
    assert witness.calls == []

    actor.step(0.25)
    assert witness.calls == ["reset main", "restart ingest"]

    actor.step(0.5)
    actor.step(0.6)
    assert witness.calls == ["reset main", "restart ingest", "kill ingest"]
    assert actor.finish() == []


def test_the_counts_of_a_worker_are_read_before_it_is_killed() -> None:
    witness = Witness()
    actor_of(witness, Happening(0.1, HappeningKind.WORKER_KILL)).step(0.1)

    assert witness.calls == ["look", "kill private"]


def test_an_old_key_is_revoked_a_little_after_the_new_one_is_there() -> None:
    witness = Witness()
    actor = actor_of(witness, Happening(0.1, HappeningKind.NEW_KEY, "hedge"))
    actor.step(0.1)
    actor.step(0.11)
    assert witness.calls == ["key hedge"]

    actor.step(0.2)
    actor.step(0.3)
    assert witness.calls == ["key hedge", "revoke hedge"]


def test_what_arrives_and_what_leaves_have_all_decimals() -> None:
    witness = Witness()
    transfer = Happening(0.1, HappeningKind.TRANSFER, "main", Market.COINM)
    actor_of(witness, transfer, transfer).step(0.1)

    assert witness.calls == ["transfer coinm main -0.01345678 BTC", "transfer coinm main 0.02345678 BTC"]


def test_what_touched_nothing_or_did_not_happen_is_told() -> None:
    actor = actor_of(
        Witness(hits=0), Happening(0.1, HappeningKind.DROP, "main"), Happening(0.9, HappeningKind.RESET, "main")
    )
    actor.step(0.2)

    assert actor.finish() == ["the hour was too short: 1 things did not happen", "drop: touched nothing"]


def test_ingest_that_does_not_end_well_is_told() -> None:
    actor = actor_of(Witness(status=1), Happening(0.1, HappeningKind.INGEST_RESTART))
    actor.step(0.2)

    assert actor.finish() == ["ingest ended with status 1 when it was told to stop"]
