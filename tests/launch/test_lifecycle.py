"""What may happen between `up` and `down`: the launcher ends in the right state each time."""

import pytest

UP = ("--type=v6e-8",)


def test_up_waits_and_down_leaves_nothing(launcher):
    launcher.cloud.plan(waiting=3)
    status, _, said = launcher("up", *UP)
    assert status == 0
    assert "WAITING_FOR_RESOURCES" in said
    assert "PROVISIONING" in said
    assert "is ready: 2 workers" in said
    assert launcher.cloud.left() == ({"night": "ACTIVE"}, {"night": "READY"})
    assert launcher("down")[0] == 0
    assert launcher.cloud.left() == ({}, {})


def test_what_is_up_is_used_and_down_may_be_said_twice(launcher):
    assert launcher("up", *UP)[0] == launcher("up", *UP)[0] == 0
    assert len(launcher.cloud.calls("create")) == 1
    assert launcher("down")[0] == launcher("down")[0] == 0
    assert "nothing is left" in launcher("down")[2]


@pytest.mark.parametrize("ending", ["suspended", "failed"])
def test_a_request_that_has_ended_is_made_again(launcher, ending):
    launcher.cloud.plan(**{ending: 2})
    status, _, said = launcher("up", *UP, "--spot")
    assert status == 0
    assert said.count(f"{ending.upper()}") >= 2
    assert "asking again" in said
    assert len(launcher.cloud.calls("queued-resources create", "--spot")) == 3
    assert launcher.cloud.left() == ({"night": "ACTIVE"}, {"night": "READY"})


def test_a_preempted_node_is_replaced(launcher):
    launcher("up", *UP)
    launcher.cloud.preempt("night")
    assert launcher("up", *UP)[0] == 0
    assert launcher.cloud.left() == ({"night": "ACTIVE"}, {"night": "READY"})


def test_a_service_that_is_away_for_a_moment_is_asked_again(launcher):
    launcher.cloud.plan(unavailable=3)
    status, _, said = launcher("up", *UP)
    assert status == 0
    assert said.count("trying again") == 3


@pytest.mark.parametrize(
    "plan",
    [{"quota": True}, {"failed": 1, "failed_because": "Quota limit 'TPUV6E' has been exceeded"}],
)
def test_no_quota_ends_with_nothing_left(launcher, plan):
    launcher.cloud.plan(**plan)
    status, _, said = launcher("up", *UP)
    assert status == 1
    assert "no quota for v6e-8 in us-east5-b" in said
    assert "Traceback" not in said
    launcher("down")
    assert launcher.cloud.left() == ({}, {})


def test_no_permission_is_answered(launcher):
    launcher.cloud.plan(forbidden=True)
    status, _, said = launcher("up", *UP)
    assert status == 1
    assert "gcloud auth login" in said


def test_a_node_of_somebody_elses_is_left_alone(launcher):
    with launcher.cloud.state() as state:
        launcher.cloud.make_node(state, "night", {"owner": "somebody"})
    for verb in (("up", *UP), ("down",)):
        status, _, said = launcher(*verb)
        assert status == 1
        assert "did not make" in said or "was not made by tpu_vm.py" in said
    assert launcher.cloud.left() == ({}, {"night": "READY"})
    assert launcher("down", "--force")[0] == 0
    assert launcher.cloud.left() == ({}, {})


def test_the_same_name_as_another_type_is_refused(launcher):
    launcher("up", *UP)
    status, _, said = launcher("up", "--type=v5litepod-8")
    assert status == 1
    assert "is there as v6e-8, not as v5litepod-8" in said


def test_an_orphaned_node_is_deleted_by_down(launcher):
    """Its request has gone without it, and it would cost money for ever."""
    launcher.cloud.plan(orphans=1, slow_delete=2)
    launcher("up", *UP)
    assert launcher("down")[0] == 0
    assert launcher.cloud.left() == ({}, {})
    assert launcher.cloud.calls("tpu-vm delete night")


def test_an_orphaned_node_of_ours_gives_way_to_a_new_one(launcher):
    with launcher.cloud.state() as state:
        launcher.cloud.make_node(state, "night", {"effjax-launch": "night"})
    status, _, said = launcher("up", *UP)
    assert status == 0
    assert "left of an earlier request" in said
    assert launcher.cloud.left() == ({"night": "ACTIVE"}, {"night": "READY"})


def test_down_while_it_is_still_waiting(launcher):
    launcher.cloud.plan(waiting=10_000)
    waiting = launcher.begin("up", *UP)
    while not launcher.cloud.left()[0]:
        assert waiting.poll() is None
    waiting.terminate()
    waiting.communicate()
    assert launcher("down")[0] == 0
    assert launcher.cloud.left() == ({}, {})


@pytest.mark.parametrize("command", [(), ("effjax", "train", "--workdir=gs://bucket/night")])
def test_no_capacity_in_time(launcher, command):
    launcher.cloud.plan(waiting=10_000)
    verb = "run" if command else "up"
    status, _, said = launcher(verb, *UP, "--wait-hours=0.0001", command=command)
    assert status == 1
    assert "was not ready within 0.0001 h" in said
