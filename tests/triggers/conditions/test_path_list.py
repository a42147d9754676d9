"""What an editor offers as paths leads to what it says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.conditions.facts_for_tests import make_event, make_item
from triggers.conditions.path_list import DEEPEST, MOST_PATHS, paths_in
from triggers.conditions.paths import look_up, wrong_with

pytestmark = pytest.mark.one_pass

KEYS = st.text(st.sampled_from("ab.\\\\ 0é"), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=4), st.dictionaries(KEYS, JSON, max_size=3))
def test_each_path_leads_to_its_value(data: dict[str, object], state: dict[str, object]) -> None:
    event = make_event(data=data, changes={"status": ("open", "merged"), "a.b": (None, {"c.d": 1})})
    item = make_item(state=state)
    for path, value in paths_in(event, item):
        assert wrong_with(path) is None
        found = look_up(path, event, item)
        assert (found, type(found)) == (value, type(value))


def test_they_come_in_the_order_in_which_one_looks_for_them() -> None:
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    event = make_event(time=at, data={"labels": [{"name": "urgent"}, {"name": "late"}]}, changes={"status": ("a", "b")})
    found = dict(paths_in(event, make_item()))
    assert found["event.time"] == at.isoformat()
    assert found["data.labels.0.name"] == "urgent"
    assert found["item.state.status"] == "Open"
    assert [path.split(".")[0] for path in found] == sorted(
        (path.split(".")[0] for path in found), key=["event", "changes", "data", "item"].index
    )
    assert not any(path.startswith("item.") for path, _ in paths_in(event, None))


def test_a_large_event_is_offered_in_part() -> None:
    deep: object = "x"
    for _ in range(DEEPEST):
        deep = {"k": deep}
    wide = {f"n{at}": at for at in range(MOST_PATHS * 2)}
    found = paths_in(make_event(data={"deep": deep, "long": {"k" * 600: 1}, **wide}), None)
    assert len(found) == MOST_PATHS
    assert not any(path.startswith(("data.deep", "data.long")) for path, _ in found)


def test_what_has_no_name_cannot_be_asked_for() -> None:
    found = dict(paths_in(make_event(data={"": "nobody", "there": "somebody"}), None))
    assert "data.there" in found
    assert "nobody" not in found.values()
