"""Recordings of Binance as streams of frames and REST answers, whatever wrote them.

`Recording.find` says which files a path means and which market each is of; `survey` reads them once and sums up what
is in them; `read` yields their content in time order, in bounded memory.
"""

from sandbox.recordings.errors import (
    Problem,
    ProblemLog,
    RecordingError,
    RecordingNotFoundError,
    UnknownMarketError,
    UnreadableFileError,
)
from sandbox.recordings.reader import ControlReplies, Frame, RestAnswer, read
from sandbox.recordings.recording import Recording, RecordingFile
from sandbox.recordings.summary import KeptSnapshot, StreamSummary, Summary, SymbolSummary
from sandbox.recordings.survey import survey


__all__ = [
    "ControlReplies",
    "Frame",
    "KeptSnapshot",
    "Problem",
    "ProblemLog",
    "Recording",
    "RecordingError",
    "RecordingFile",
    "RecordingNotFoundError",
    "RestAnswer",
    "StreamSummary",
    "Summary",
    "SymbolSummary",
    "UnknownMarketError",
    "UnreadableFileError",
    "read",
    "survey",
]
