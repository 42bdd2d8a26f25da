"""Ctrl-C at bad moments."""

import signal
import threading

import pytest

from molar.train.interrupts import interrupts_wait


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    written = []
    with pytest.raises(KeyboardInterrupt), interrupts_wait():
        signal.raise_signal(signal.SIGINT)
        written.append("whole")
    assert written == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # at once again


def test_who_ignores_ctrl_c_goes_on_too() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_wait():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_in_the_block_is_told() -> None:
    with pytest.raises(ValueError, match="disk"), interrupts_wait():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("disk")


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with interrupts_wait():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
