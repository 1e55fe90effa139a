"""Batched delivery: Faust hands an agent a whole fetch of one partition as one event.

Stock Faust spends some 180 µs on each record: four tasks, a lock, a queue, sensors. Here it spends them once per batch
of up to thousands of records. A batch is acknowledged as a whole, and none of its offsets is committed before.

- :mod:`processors.batching.positions`: which offsets may be committed (pure)
- :mod:`processors.batching.consumer`: Faust's consumer, delivering batches, for any of its transports
- :mod:`processors.batching.membership`: whether the group still counts on this worker (pure)
- :mod:`processors.batching.driver`: the same over aiokafka
"""

from processors.batching.batch import Batch, BatchSchema, Origin, RawRecord, batch_of, unacknowledged
from processors.batching.concurrently import process_batches
from processors.batching.consumer import AssignmentListener, BatchingConsumer, DeliveryLimits
from processors.batching.driver import BatchConsumer, BatchTransport
from processors.batching.membership import Membership
from processors.batching.positions import Positions


__all__ = [
    "AssignmentListener",
    "Batch",
    "BatchConsumer",
    "BatchSchema",
    "BatchTransport",
    "BatchingConsumer",
    "DeliveryLimits",
    "Membership",
    "Origin",
    "Positions",
    "RawRecord",
    "batch_of",
    "process_batches",
    "unacknowledged",
]
