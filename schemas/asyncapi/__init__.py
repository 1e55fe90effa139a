"""The AsyncAPI document: topics, messages and who writes and reads them, written from the topic table and the types.

``python -m schemas.asyncapi > docs/asyncapi.yaml``; a test fails while the two differ.

Every topic is a channel of its own, under the name that it has on the broker. A channel with a parameter for the market
would be a third as long, but tools that read the document (catalogues, checkers, generators of access rules) take an
address for the name of a topic, and not every market has every type.
"""

from __future__ import annotations

from schemas.asyncapi.document import asyncapi_document


__all__ = ["asyncapi_document"]
