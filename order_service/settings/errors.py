"""The errors of bad settings."""


class SettingsError(Exception):
    """One line: the variable, what is wrong with its value, and which values are allowed."""


class Refused(ValueError):
    """Says why a value can't be used, in the service's own words, which repeat no part of it."""
