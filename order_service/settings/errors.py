"""What is raised for a setting that can't be."""


class SettingsError(Exception):
    """One line: the variable, what is wrong with it, and what it may be."""


class Refused(ValueError):
    """Says why a value can't be used in words of our own, which repeat nothing of the value."""
