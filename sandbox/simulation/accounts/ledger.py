"""What an account has on spot: free, and locked for its open orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct


__all__ = ["Balance", "InsufficientError", "Ledger", "Lock"]


class InsufficientError(Exception):
    """There is less free than is asked for."""

    def __init__(self, asset: str, asked: int, free: int) -> None:
        super().__init__(asset, asked, free)
        self.asset = asset
        self.asked = asked
        self.free = free

    def __str__(self) -> str:
        return f"{self.asset}: {self.asked} units are asked for, {self.free} are free"


class Balance(Struct):
    """What there is of one asset, in units."""

    free: int = 0
    locked: int = 0


class Lock(Struct, eq=False):
    """What is set aside for one order, or for the two of a list that cannot both trade."""

    asset: str
    amount: int


class Ledger:
    """Balances by asset; every movement leaves them consistent, or changes nothing."""

    def __init__(self, opening: Mapping[str, int]) -> None:
        self._balances = {asset: Balance(units) for asset, units in opening.items()}

    def balance(self, asset: str) -> Balance:
        """Return what there is of an asset."""
        return self._balances.setdefault(asset, Balance())

    def assets(self) -> Iterable[str]:
        """Return the assets that there are or were, by name."""
        return sorted(self._balances)

    def lock(self, asset: str, amount: int) -> Lock:
        """Set something aside.

        Raises:
            InsufficientError: there is not so much free.
        """
        self.debit(asset, amount)
        self.balance(asset).locked += amount
        return Lock(asset, amount)

    def release(self, lock: Lock, amount: int | None = None) -> None:
        """Give back what is set aside, all of it or a part."""
        amount = self._take_from(lock, lock.amount if amount is None else amount)
        self.balance(lock.asset).free += amount

    def spend(self, lock: Lock, amount: int) -> None:
        """Pay with what is set aside."""
        self._take_from(lock, amount)

    def credit(self, asset: str, amount: int) -> None:
        """Receive."""
        self.balance(asset).free += amount

    def debit(self, asset: str, amount: int) -> None:
        """Pay with what is free.

        Raises:
            InsufficientError: there is not so much free.
        """
        balance = self.balance(asset)
        if amount > balance.free:
            raise InsufficientError(asset, amount, balance.free)
        balance.free -= amount

    def _take_from(self, lock: Lock, amount: int) -> int:
        if not 0 <= amount <= lock.amount:
            msg = f"lock of {lock.amount} units of {lock.asset}: {amount} are to be taken from it"
            raise ValueError(msg)
        lock.amount -= amount
        self.balance(lock.asset).locked -= amount
        return amount
