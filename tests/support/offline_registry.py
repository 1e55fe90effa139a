"""A schema source without a server: for tests of what is encoded, not of where the ids come from."""

from __future__ import annotations

from schemas.avro import schema_text
from schemas.codec import TYPES
from schemas.registry import UnknownSchemaError
from schemas.topics import Topic


class OfflineRegistry:
    """Gives each schema file an id of its own; passes the same contract as the real registry's look-ups."""

    def __init__(self) -> None:
        self._names = dict(enumerate(sorted(TYPES), start=1))
        self._ids = {name: schema_id for schema_id, name in self._names.items()}

    def schema_id(self, topic: Topic) -> int:
        assert topic.schema is not None
        return self._ids[topic.schema]

    def schema_by_id(self, schema_id: int) -> str:
        if schema_id not in self._names:
            raise UnknownSchemaError(schema_id, "offline")
        return schema_text(self._names[schema_id])
