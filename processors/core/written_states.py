"""Frozen states as bytes and back, with the version of their shape.

JSON and not MessagePack: MessagePack has integers of 64 bits, and a sum of quote quantities needs 127.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec

from processors.core.checkpoint_rounds import CheckpointError


__all__ = ["WrittenState"]

StateT = TypeVar("StateT", bound=msgspec.Struct)
"""The type that is written down."""

_encode: Final = msgspec.json.Encoder().encode


class WrittenState(Generic[StateT]):
    """Writes one type of state, and reads it again.

    Args:
        state_type: what is written; the leaner its fields (``array_like``), the shorter.
        version: of its shape; another version is not read.
    """

    def __init__(self, state_type: type[StateT], version: int) -> None:
        self._version = version
        self._decode = msgspec.json.Decoder(tuple[int, msgspec.Raw]).decode
        self._decode_state = msgspec.json.Decoder(state_type).decode

    def dump(self, state: StateT) -> bytes:
        """Return a state as bytes."""
        return _encode((self._version, state))

    def load(self, data: bytes) -> StateT:
        """Return the state that was dumped.

        Raises:
            CheckpointError: it cannot be read, or is of another version.
        """
        try:
            version, state = self._decode(data)
            if version != self._version:
                msg = f"version is {version}, was to be {self._version}"
                raise CheckpointError(msg)
            return self._decode_state(state)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CheckpointError(str(error)) from error
