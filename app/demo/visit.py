"""One visitor's visit. Plain values, so that Gradio can keep one for each visitor; every change returns a new one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

MOST_UNDONE = 50
MOST_ITEMS = 200
MOST_CALLS = 200


@dataclass(frozen=True)
class Visit:
    """What somebody looked at, and what they did not want.

    Attributes:
        history: item ids in browsing order, oldest first.
        aside: item ids that are not to be recommended.
        own: ids of the items that this visitor added.
        replayed: the whole history that is being replayed, of which `history` is the beginning; empty if none is.
        calls: milliseconds that this visit's recommendations took, oldest first.
    """

    history: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    replayed: tuple[str, ...] = ()
    calls: tuple[float, ...] = ()
    _past: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = field(default=(), repr=False)

    def look_at(self, item_id: str) -> "Visit":
        """Look at an item; one that was looked at before moves to the end. Of too many the oldest goes."""
        history = (*(other for other in self.history if other != item_id), item_id)
        return self._changed(history[-MOST_ITEMS:], tuple(other for other in self.aside if other != item_id))

    def remove(self, place: int) -> "Visit":
        """Take out the item at a place; nothing happens where there is none."""
        if not 0 <= place < len(self.history):
            return self
        return self._changed(self.history[:place] + self.history[place + 1 :])

    def move(self, place: int, to: int) -> "Visit":
        """Move the item at a place to another; it stops at the ends."""
        if not 0 <= place < len(self.history):
            return self
        items = list(self.history)
        item_id = items.pop(place)
        items.insert(max(0, min(to, len(items))), item_id)
        return self._changed(tuple(items))

    def set_aside(self, item_id: str) -> "Visit":
        """Not for me."""
        if item_id in self.aside:
            return self
        return self._changed(self.history, (*self.aside, item_id)[-MOST_ITEMS:])

    def start(self, history: Sequence[str], aside: Sequence[str] = ()) -> "Visit":
        """Begin anew with a history."""
        return self._changed(tuple(dict.fromkeys(history))[-MOST_ITEMS:], tuple(aside)[-MOST_ITEMS:])

    def undo(self) -> "Visit":
        """Take the last change back."""
        if not self._past:
            return self
        history, aside = self._past[-1]
        return replace(self, history=history, aside=aside, replayed=(), _past=self._past[:-1])

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    def replay(self) -> "Visit":
        """Show the history again from its first item on; `step` goes on."""
        if self.replayed or not self.history:
            return self
        return replace(self, replayed=self.history, history=self.history[:1])

    def step(self, by: int) -> "Visit":
        """Go on, or back, in the history that is replayed."""
        if not self.replayed:
            return self
        length = max(1, min(len(self.history) + by, len(self.replayed)))
        return replace(self, history=self.replayed[:length])

    def end_replay(self) -> "Visit":
        """Back to the whole history."""
        return replace(self, history=self.replayed, replayed=()) if self.replayed else self

    def without(self, gone: Collection[str]) -> "Visit":
        """The same without items that are not there any more."""
        if not gone:
            return self
        kept = [tuple(i for i in ids if i not in gone) for ids in (self.history, self.aside, self.own, self.replayed)]
        return replace(self, history=kept[0], aside=kept[1], own=kept[2], replayed=kept[3])

    def owning(self, item_id: str) -> "Visit":
        """The same after this visitor has added an item."""
        return replace(self, own=(*self.own, item_id))

    def timed(self, milliseconds: float) -> "Visit":
        """The same after another call."""
        return replace(self, calls=(*self.calls, milliseconds)[-MOST_CALLS:])

    def _changed(self, history: tuple[str, ...], aside: tuple[str, ...] | None = None) -> "Visit":
        past = (*self._past, (self.replayed or self.history, self.aside))[-MOST_UNDONE:]
        return replace(self, history=history, aside=self.aside if aside is None else aside, replayed=(), _past=past)
