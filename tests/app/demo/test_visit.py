"""A visit: what was looked at, set aside, undone, replayed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molar.app.demo.visit import MOST_CALLS, MOST_ITEMS, MOST_UNDONE, Visit


def looked_at(*item_ids: str) -> Visit:
    visit = Visit()
    for item_id in item_ids:
        visit = visit.look_at(item_id)
    return visit


def test_a_history_keeps_its_order() -> None:
    visit = looked_at("a", "b", "c")
    assert visit.history == ("a", "b", "c")
    assert visit.look_at("a").history == ("b", "c", "a")
    assert visit.remove(1).history == ("a", "c")
    assert visit.move(2, 0).history == ("c", "a", "b")
    assert visit.move(0, 9).history == ("b", "c", "a")
    assert visit.history == ("a", "b", "c")


@given(st.lists(st.sampled_from("abcdef"), max_size=8), st.integers(-3, 9), st.integers(-3, 9))
def test_no_change_loses_or_doubles_an_item(items: list[str], place: int, to: int) -> None:
    visit = looked_at(*items)
    assert len(set(visit.history)) == len(visit.history)
    assert sorted(visit.move(place, to).history) == sorted(visit.history)
    inside = 0 <= place < len(visit.history)
    assert len(visit.remove(place).history) == len(visit.history) - inside


def test_every_change_can_be_undone() -> None:
    first = looked_at("a", "b", "c")
    for change in (
        lambda v: v.look_at("d"),
        lambda v: v.remove(0),
        lambda v: v.move(0, 2),
        lambda v: v.set_aside("e"),
        lambda v: v.start(["x"]),
    ):
        changed = change(first)
        assert (changed.history, changed.aside) != (first.history, first.aside)
        assert (changed.undo().history, changed.undo().aside) == (first.history, first.aside)
    assert Visit().undo() == Visit()
    assert not Visit().can_undo
    assert first.can_undo


def test_what_was_set_aside_comes_back_when_it_is_looked_at() -> None:
    visit = looked_at("a").set_aside("b")
    assert visit.aside == ("b",)
    assert visit.set_aside("b") is visit
    assert visit.look_at("b").aside == ()


def test_a_history_is_replayed_step_by_step() -> None:
    visit = looked_at("a", "b", "c").replay()
    assert (visit.history, visit.replayed) == (("a",), ("a", "b", "c"))
    assert visit.step(1).history == ("a", "b")
    assert visit.step(1).step(1).step(1).history == ("a", "b", "c")
    assert visit.step(-1).history == ("a",)
    assert visit.end_replay() == looked_at("a", "b", "c")
    assert visit.look_at("d").history == ("a", "d")
    assert visit.look_at("d").undo().history == ("a", "b", "c")
    assert Visit().replay() == Visit()
    assert looked_at("a").step(1) == looked_at("a")


def test_items_that_are_gone_are_left_out() -> None:
    visit = looked_at("a", "mine").owning("mine").set_aside("b")
    assert visit.without({"mine", "b"}).history == ("a",)
    assert visit.without({"mine", "b"}).own == visit.without({"mine", "b"}).aside == ()
    assert visit.without(set()) is visit


def test_nothing_grows_without_end() -> None:
    visit = Visit()
    for number in range(MOST_ITEMS + 60):
        visit = visit.look_at(str(number)).set_aside(f"x{number}").timed(1.0)
    assert len(visit.history) == len(visit.aside) == MOST_ITEMS
    assert visit.history[-1] == str(MOST_ITEMS + 59)
    assert len(visit.calls) == MOST_CALLS
    undone = 0
    while visit.can_undo:
        visit, undone = visit.undo(), undone + 1
    assert undone == MOST_UNDONE
    assert len(Visit().start([str(number) for number in range(MOST_ITEMS + 5)]).history) == MOST_ITEMS


@pytest.mark.parametrize("place", [-1, 3])
def test_places_that_there_are_not_change_nothing(place: int) -> None:
    visit = looked_at("a", "b", "c")
    assert visit.remove(place) is visit
    assert visit.move(place, 0) is visit
