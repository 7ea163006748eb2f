"""Errors of an embedded part, each in one line that names the part and the remedy."""


class DevstackError(Exception):
    """The text is one line for a person: what failed, and the remedy."""


class PartFailed(DevstackError):
    """A part did not start, or died. The text names the part, its log and its last telling line."""


class Unavailable(DevstackError):
    """A part lacks what it needs: a wheel, a download, a free port."""
