"""The errors that Molar raises on purpose. Each says what is wrong, where, and what to do about it.

The command line turns any of them into one line and exit code 2; a traceback is a bug.
"""


class MolarError(Exception):
    """Base of all errors that a user can cause and cure."""


class DatasetError(MolarError):
    """A dataset folder, or a file in it, cannot be used as it is."""


class ModelError(MolarError):
    """A run folder, its configuration or its weights cannot be used as they are."""


class BundleError(MolarError):
    """A bundle is missing a file, was changed, or is newer than this code."""


class RequestError(MolarError):
    """A recommendation was asked for that the bundle cannot give: an unknown item, an empty history, a bad filter."""


class UnavailableError(MolarError):
    """Something beyond this machine does not answer, or does not have what it should."""
