"""Messages are cut out of the bytes of a socket as websockets itself would parse them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from websockets.frames import Frame, Opcode

from ingest.core.cutting import cut_messages, frame_end


MAX_BYTES = 100_000


def wire(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, mask: bool = False) -> bytes:
    """Return a frame as the library writes it."""
    return Frame(opcode, payload, fin).serialize(mask=mask)


payloads = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 70_000).map(lambda size: b"x" * size),
    st.sampled_from([125, 126, 127, 65_535, 65_536]).map(lambda size: b"y" * size),
)


@given(st.lists(payloads, max_size=5), payloads, st.data())
def test_messages_come_out_whole_and_in_order_and_a_part_of_one_is_left(
    whole: list[bytes], last: bytes, data: st.DataObject
) -> None:
    ready = b"".join(map(wire, whole))
    part = wire(last)[: data.draw(st.integers(0, len(wire(last)) - 1))]

    assert cut_messages(ready + part, 0, MAX_BYTES) == (whole, len(ready))


@given(payloads, st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]), st.booleans(), st.booleans())
def test_the_end_of_a_frame_is_known_as_soon_as_its_head_is_there(
    payload: bytes, opcode: Opcode, fin: bool, mask: bool
) -> None:
    frame = wire(payload, opcode, fin=fin, mask=mask)
    length_bytes = 0 if len(payload) < 126 else 2 if len(payload) < 65_536 else 8

    assert frame_end(b"before" + frame, 6) == 6 + len(frame)
    assert frame_end(frame[: 2 + length_bytes], 0) == len(frame)
    assert frame_end(frame[: 1 + length_bytes], 0) is None


@pytest.mark.parametrize(
    "other",
    [
        wire(b"", Opcode.PING),
        wire(b"\x03\xe8", Opcode.CLOSE),
        wire(b"part", fin=False),
        wire(b"part", Opcode.CONT),
        wire(b"masked", mask=True),
        wire(b"masked" * 30, mask=True),
        b"\xc1\x01x",  # an extension bit
        wire(b"z" * (MAX_BYTES + 1)),
    ],
)
def test_what_is_no_ordinary_message_is_left_where_it_is(other: bytes) -> None:
    data = wire(b"one") + other + wire(b"two")

    assert cut_messages(data, 0, MAX_BYTES) == ([b"one"], len(wire(b"one")))


@given(st.binary(max_size=400))
def test_no_bytes_whatever_make_it_fail_or_lose_a_byte(data: bytes) -> None:
    messages, start = cut_messages(data, 0, MAX_BYTES)

    assert 0 <= sum(len(message) + 2 for message in messages) <= start <= len(data)
    end = frame_end(data, start)
    assert end is None or end > start
