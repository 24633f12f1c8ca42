"""Which server makes which image: properties of the decision, and of whole runs under it in a made-up time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen.backends.comfyui.scheduling import LOADING, ON_SERVER, Kit, Standing, Want, assigned, smoothed

DREAM, INK = frozenset({"dream"}), frozenset({"ink"})
kits = st.sampled_from([DREAM, INK, DREAM | INK, frozenset()])
kinds = st.sampled_from(["small", "great"])


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Standing], list[Want], int]:
    numbers = draw(st.lists(st.integers(0, 9), unique=True, max_size=4))
    servers = [
        Standing(
            number,
            draw(st.integers(0, ON_SERVER)),
            draw(st.integers(0, 20)),
            draw(st.none() | kits),
            draw(st.dictionaries(kinds, st.floats(0.001, 1e6))),
        )
        for number in numbers
    ]
    able = st.frozensets(st.integers(0, 9))
    waiting = draw(st.lists(st.builds(Want, kits, kinds, able), max_size=12))
    return servers, waiting, draw(st.integers(0, 10_000))


@given(scenes())
def test_nobody_goes_where_he_can_t_or_where_it_is_full(scene: tuple[list[Standing], list[Want], int]) -> None:
    servers, waiting, to_come = scene
    going = assigned(servers, waiting, to_come)
    for position, number in going.items():
        assert number in waiting[position].able
    for server in servers:
        assert server.ours + list(going.values()).count(server.number) <= max(ON_SERVER, server.ours)


@given(scenes())
def test_it_depends_on_nothing_else(scene: tuple[list[Standing], list[Want], int]) -> None:
    assert assigned(*scene) == assigned(*scene)


@given(scenes())
def test_who_waits_longer_is_not_held_up_by_who_came_later(scene: tuple[list[Standing], list[Want], int]) -> None:
    """What an image is given depends on the later ones only by their number."""
    servers, waiting, to_come = scene
    going = assigned(servers, waiting, to_come)
    for count in range(len(waiting)):
        first = assigned(servers, waiting[:count], to_come + len(waiting) - count)
        assert first == {position: number for position, number in going.items() if position < count}


@given(scenes())
def test_an_idle_server_is_never_passed_over_for_nothing(scene: tuple[list[Standing], list[Want], int]) -> None:
    """Where all need the same, nobody waits while an equally quick server that he can use has nothing to do."""
    servers, waiting, to_come = scene
    servers = [replace(server, kit=None, seconds={}) for server in servers]
    waiting = [want._replace(kit=DREAM) for want in waiting]
    going = assigned(servers, waiting, to_come)
    taken = set(going.values())
    for server in servers:
        if server.ours == server.others == 0 and server.number not in taken:
            assert all(server.number not in want.able for position, want in enumerate(waiting) if position not in going)


def test_the_one_with_the_fewest_is_chosen() -> None:
    want = Want(DREAM, "small", frozenset({0, 1, 2}))
    assert assigned([Standing(0, 1), Standing(1, 0), Standing(2, 1)], [want]) == {0: 1}
    assert assigned([Standing(0, 0, 3), Standing(1, 0, 1), Standing(2, 0, 2)], [want]) == {0: 1}
    assert assigned([Standing(0, 2), Standing(1, 2), Standing(2, 1)], [want] * 2) == {0: 2}
    assert assigned([Standing(0), Standing(1), Standing(2)], [want] * 9) == {0: 0, 1: 1, 2: 2, 3: 0, 4: 1, 5: 2}


def test_speed_decides_between_unequal_ones() -> None:
    want = Want(DREAM, "small", frozenset({0, 1}))
    slow, quick = Standing(0, seconds={"small": 10}), Standing(1, seconds={"small": 1})
    assert assigned([slow, quick], [want]) == {0: 1}
    assert assigned([slow, replace(quick, ours=2)], [want]) == {}  # it is done there before
    assert assigned([slow, replace(quick, ours=2)], [want], to_come=100) == {0: 0}  # there is enough for both
    assert assigned([Standing(0), replace(quick, ours=1)], [want]) == {0: 0}  # not measured yet: tried


def test_models_stick_to_their_server() -> None:
    one, other = Standing(0, 1, kit=DREAM), Standing(1, 0, kit=INK)
    dream, ink = (Want(kit, "small", frozenset({0, 1})) for kit in (DREAM, INK))
    assert assigned([one, other], [dream]) == {0: 0}
    assert assigned([one, other], [ink]) == {0: 1}
    assert assigned([replace(one, ours=2), other], [dream, ink], to_come=100) == {1: 1}  # it waits for its own
    long = replace(one, others=round(LOADING) + 2)
    assert assigned([long, other], [dream]) == {0: 1}  # not for ever
    assert assigned([replace(one, kit=INK), replace(other, kit=None)], [dream]) == {0: 1}


def test_times_are_smoothed() -> None:
    assert smoothed(None, 4.0) == 4.0
    assert 4.0 < smoothed(4.0, 8.0) < 6.0


# Whole runs


@dataclass
class Machine:
    """A server in the made-up time: what an image and another model cost it."""

    number: int
    seconds: float
    loading: float
    queue: list[tuple[int, Kit]] = field(default_factory=list)
    kit: Kit | None = None
    submitted: Kit | None = None
    known: dict[str, float] = field(default_factory=dict)
    loads: int = 0
    ends: float = 0.0


def run(machines: Sequence[Machine], items: Sequence[Kit], workers: int) -> float:
    """Seconds until all items are made by so many threads, each of which takes the next item in order."""
    now, made, threads, coming = 0.0, 0, 0, list(enumerate(items))
    waiting: list[tuple[int, Kit]] = []
    events: list[tuple[float, int]] = []
    everywhere = frozenset(machine.number for machine in machines)

    def begin(machine: Machine) -> None:
        _, kit = machine.queue[0]
        cost = machine.seconds
        if machine.kit != kit:
            machine.kit, cost = kit, cost + machine.loading
            machine.loads += 1
        heapq.heappush(events, (now + cost, machine.number))

    while made < len(items):
        while coming and threads < workers:
            waiting.append(coming.pop(0))
            threads += 1
        standings = [Standing(one.number, len(one.queue), 0, one.submitted, one.known) for one in machines]
        wants = [Want(kit, "k", everywhere) for _, kit in waiting]
        going = assigned(standings, wants, len(coming))
        for position, number in going.items():
            machine = machines[number]
            machine.queue.append(waiting[position])
            machine.submitted = waiting[position][1]
            assert len(machine.queue) <= ON_SERVER
            if len(machine.queue) == 1:
                begin(machine)
        waiting = [one for position, one in enumerate(waiting) if position not in going]
        assert events, "everybody waits and nothing runs"
        now, number = heapq.heappop(events)
        machine = machines[number]
        machine.queue.pop(0)
        machine.known["k"] = smoothed(machine.known.get("k"), machine.seconds)
        made, threads = made + 1, threads - 1
        if machine.queue:
            begin(machine)
    return now


speeds = st.floats(0.1, 10)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(speeds, st.floats(0, 30)), min_size=1, max_size=4), st.lists(kits, min_size=1, max_size=60),
       st.integers(1, 12))  # fmt: skip
def test_every_image_is_made_in_the_end(costs: list[tuple[float, float]], items: list[Kit], workers: int) -> None:
    machines = [Machine(number, seconds, loading) for number, (seconds, loading) in enumerate(costs)]
    run(machines, items, workers)


@settings(deadline=None, max_examples=60)
@given(st.lists(speeds, min_size=1, max_size=4), st.integers(1, 200))
def test_unequal_servers_share_as_they_can(costs: list[float], count: int) -> None:
    machines = [Machine(number, seconds, 0) for number, seconds in enumerate(costs)]
    took = run(machines, [DREAM] * count, 2 * len(machines) + 2)
    best = count / sum(1 / seconds for seconds in costs)
    assert took <= best + 3 * max(costs)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_equal_servers_share_equally(count: int) -> None:
    machines = [Machine(number, 1, 0) for number in range(count)]
    assert run(machines, [DREAM] * 100, 2 * count + 2) == 100 / count


def test_two_models_in_turn_are_loaded_once_each() -> None:
    machines = [Machine(number, 1, 5) for number in range(2)]
    took = run(machines, [DREAM, INK] * 50, 6)
    assert sum(machine.loads for machine in machines) <= 6
    assert took <= 50 + 5 * 4


def test_one_model_after_the_other_uses_both_servers() -> None:
    machines = [Machine(number, 1, 5) for number in range(2)]
    took = run(machines, [DREAM] * 50 + [INK] * 50, 6)
    assert [machine.loads for machine in machines] == [2, 2]
    assert took <= 50 + 2 * 5 + 1
