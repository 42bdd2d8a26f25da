"""Python's garbage collector, which goes through every object now and then while all requests wait."""

import gc


def pass_over_what_is_there() -> None:
    """Let collections pass over all objects of now: a catalogue and a web page's parts are many, and stay.

    Going through them takes a twentieth of a second, several times a minute under load. Called again, it first clears
    away what of them is no longer used.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
