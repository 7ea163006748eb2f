"""What can go wrong with an embedded part, said in one line that names it and the remedy."""


class DevstackError(Exception):
    """Its text is one line for a person: what failed, and what to do about it."""


class PartFailed(DevstackError):
    """A part did not start, or died. The text names the part, its log and its last telling line."""


class Unavailable(DevstackError):
    """Something a part stands on is missing: a wheel, a download, a free port."""
