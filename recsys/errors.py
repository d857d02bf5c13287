"""Every error that Alsatian raises on purpose.

One base class, so that a caller (and the command line) can tell bad input from a defect: anything
that is not an :class:`AlsatianError` is the program's own fault. Each message is a single line that
names what is wrong, where it was found, what was expected, and the mend.
"""

from __future__ import annotations


class AlsatianError(Exception):
    """Base of every error that Alsatian raises on purpose."""

    def __str__(self) -> str:
        # KeyError and OSError each rewrite their message; ours is already the line to show.
        return str(self.args[0]) if self.args else ""


class InvalidInputError(AlsatianError, ValueError):
    """A parameter or a value in the data is not what it has to be."""


class UnknownIdError(AlsatianError, ValueError):
    """A user or item id that the model has not seen."""


class InputNotFoundError(AlsatianError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class StorageError(AlsatianError, OSError):
    """The disk refused a read or a write (full, read-only, no permission)."""


class ModelFormatError(AlsatianError, ValueError):
    """A saved model is damaged, incomplete, or newer than this version can read."""


class StoreFormatError(AlsatianError, ValueError):
    """A memory store is damaged, something else, or newer than this version can read."""


class JobConflictError(AlsatianError, ValueError):
    """An output folder holds another job, or a job that needs ``--resume``."""


class CapacityError(AlsatianError, ValueError):
    """What was asked for does not fit into memory."""


class NotFittedError(AlsatianError, ValueError):
    """A method that needs factors was called before ``fit``."""


class MissingExtraError(AlsatianError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""


class ClusterError(AlsatianError, RuntimeError):
    """A cluster cannot be reached, has no room for a task, or lost one too often."""


class DownloadError(AlsatianError, OSError):
    """A file could not be fetched, or what came is not the file that was expected."""
