"""Tasks by name."""

import pytest

import effjax
from effjax.errors import UserError
from effjax.tasks.registry import TASKS, find_task, list_tasks, register_task


def test_rooms_above_are_looked_through():
    lines = list_tasks()
    assert {"classification", "distill", "kernel_search"} <= set(lines)
    assert all(lines.values())
    assert find_task("kernel_search").__name__ == "KernelSearch"


def test_a_decorator_registers(monkeypatch):
    monkeypatch.setattr(TASKS, "entries", dict(TASKS.entries))

    @register_task("nothing", "learns nothing")
    class Nothing(effjax.Task):
        pass

    assert find_task("nothing") is Nothing
    assert list_tasks()["nothing"] == "learns nothing"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clasification", "did you mean 'classification'"),
        ("no.module:Task", "is it on PYTHONPATH"),
        ("effjax.contract:TrainState", "effjax is not your own code"),
        ("tests.mistakes:make_world", "no subclass of Task named make_world"),
        ("tests.mistakes:Nothing", "no subclass of Task named Nothing"),
    ],
)
def test_what_is_no_task_is_named(name, message):
    with pytest.raises(UserError, match=message):
        find_task(name)
