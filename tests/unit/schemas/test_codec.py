from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from schemas.codec import TYPES, Codec, DecodeError, DoesNotFitError
from schemas.derived import BookState, TopOfBook
from schemas.markets import Market
from schemas.registry import RegistryUnavailableError
from schemas.topics import ControlType, DerivedType, RawType, Topic, TopicTable
from tests.support import golden
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
TOP = TABLE.derived(Market.SPOT, DerivedType.TOP_OF_BOOK)
BY_SCHEMA = {topic.schema: topic for topic in TABLE if topic.schema is not None}


@pytest.fixture(scope="module")
def codec() -> Codec:
    codec = Codec(TABLE, OfflineRegistry())
    codec.prepare()
    return codec


@pytest.mark.parametrize("name", sorted(TYPES))
def test_values_come_back_as_they_went(codec: Codec, name: str) -> None:
    topic, value = BY_SCHEMA[name], golden.example(name)

    assert codec.decode(topic.name, 0, 0, codec.encode(topic, value)) == value


NUMBER = st.none() | st.integers(-(10**20) + 1, 10**20 - 1)


@given(bid=NUMBER, ask=NUMBER, update_id=st.integers(0, 2**63 - 1))
def test_numbers_come_back_to_the_last_digit(codec: Codec, bid: int | None, ask: int | None, update_id: int) -> None:
    value = TopOfBook(
        symbol="币安人生USDT",
        update_id=update_id,
        state=BookState.LIVE,
        event_time=None,
        bid_price=bid,
        bid_quantity=bid,
        ask_price=ask,
        ask_quantity=ask,
        spread=None,
        input_offset=0,
    )

    assert codec.decode(TOP.name, 0, 0, codec.encode(TOP, value)) == value


def test_a_number_too_wide_is_refused_by_field(codec: Codec) -> None:
    value = msgspec.structs.replace(golden.example("top-of-book"), bid_price=10**20)

    with pytest.raises(DoesNotFitError, match='top-of-book field "bid_price"'):
        codec.encode(TOP, value)


def test_a_level_too_large_for_a_long_is_refused_by_field(codec: Codec) -> None:
    topic = BY_SCHEMA["book-snapshot"]
    value = msgspec.structs.replace(golden.example("book-snapshot"), ask_quantities=[1 << 63])

    with pytest.raises(DoesNotFitError, match='book-snapshot field "ask_quantities"'):
        codec.encode(topic, value)


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_decode_error_that_names_the_record(codec: Codec, body: bytes) -> None:
    head = codec.encode(TOP, golden.example("top-of-book"))[:5]
    try:
        decoded = codec.decode(TOP.name, 3, 77, head + body)
    except DecodeError as error:
        message = str(error)
    else:
        # Bytes that do make sense as this type are its encoding, so they come back.
        message, reencoded = "", codec.encode(TOP, decoded)
        assert codec.decode(TOP.name, 3, 77, reencoded) == decoded

    assert message.startswith(f'topic "{TOP.name}", partition 3, offset 77: ') or not message


@pytest.mark.parametrize("cut", range(60))
def test_truncated_bytes_are_a_decode_error(codec: Codec, cut: int) -> None:
    written = codec.encode(TOP, golden.example("top-of-book"))

    with pytest.raises(DecodeError):
        codec.decode(TOP.name, 0, 0, written[: min(cut, len(written) - 1)])


def test_an_unknown_id_names_the_record_and_the_id(codec: Codec) -> None:
    with pytest.raises(DecodeError, match=r"partition 1, offset 2: schema id 99"):
        codec.decode(TOP.name, 1, 2, b"\0\0\0\0\x63rest")


def test_a_tombstone_is_not_a_value(codec: Codec) -> None:
    with pytest.raises(DecodeError, match="shorter"):
        codec.decode(TOP.name, 0, 0, None)


@pytest.mark.parametrize(
    "topic", [TABLE.raw(Market.SPOT, RawType.TRADE), TABLE.control(ControlType.DEAD_LETTER)], ids=lambda t: t.name
)
def test_topics_that_are_not_avro_are_refused(codec: Codec, topic: Topic) -> None:
    with pytest.raises(ValueError, match="not Avro"):
        codec.encode(topic, golden.example("trade"))
    with pytest.raises(DecodeError, match="not Avro"):
        codec.decode(topic.name, 0, 0, b"\0\0\0\0\1x")


class _Down(OfflineRegistry):
    asked = 0

    def schema_by_id(self, schema_id: int) -> str:
        self.asked += 1
        raise RegistryUnavailableError("http://registry", "connection refused")


def test_a_registry_that_is_down_is_not_the_records_fault() -> None:
    codec = Codec(TABLE, _Down())

    with pytest.raises(RegistryUnavailableError, match="SCHEMA_REGISTRY_URL"):
        codec.decode(TOP.name, 0, 0, b"\0\0\0\0\x01xxxxxxxx")


class _Counting(OfflineRegistry):
    asked = 0

    def schema_by_id(self, schema_id: int) -> str:
        self.asked += 1
        return super().schema_by_id(schema_id)


def test_an_id_is_looked_up_once() -> None:
    registry = _Counting()
    codec = Codec(TABLE, registry)
    value = codec.encode(TOP, golden.example("top-of-book"))
    for offset in range(10):
        codec.decode(TOP.name, 0, offset, value)

    assert registry.asked == 1
