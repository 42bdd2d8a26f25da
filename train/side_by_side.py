"""Work that is done by several processes of one machine, each piece once what it builds on is there.

A model of this size leaves most of a GPU idle while Python prepares its next step; several models do not.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)


def side_by_side(
    pieces: Mapping[Key, tuple[Callable[..., Any], tuple[Any, ...]]],
    after: Mapping[Key, set[Key]],
    jobs: int,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Do all pieces, as many at a time as there are jobs.

    Args:
        pieces: name -> a function of a module and its arguments, which travel to the process that does it; of several
            that could begin, the one that stands first does.
        after: name -> those that must be done before it.
        jobs: processes.
        say: is told when a piece is begun and when it is done.

    Raises:
        Exception: a piece has failed; what was begun is finished, nothing else is begun.
    """
    order = TopologicalSorter({name: after.get(name, set()) & set(pieces) for name in pieces})
    order.prepare()
    place: dict[Any, int] = {name: i for i, name in enumerate(pieces)}
    ready: list[Key] = []
    running: dict[Future[Any], Key] = {}
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")  # a GPU cannot be used in a fork
    with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (threads,)) as pool:
        while order.is_active():
            ready = sorted([*ready, *order.get_ready()], key=place.__getitem__)
            while ready and len(running) < jobs:
                name = ready.pop(0)
                function, arguments = pieces[name]
                say(f"begun: {name}")
                running[pool.submit(function, *arguments)] = name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                name = running.pop(future)
                order.done(name)
                say(f"done: {name}")


@contextlib.contextmanager
def printing_to(log: Path) -> Iterator[None]:
    """What would be printed goes to the end of a file; several processes would write over each other's lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield
