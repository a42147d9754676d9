"""A Hypothesis state machine that drives any System and holds it to the promises after every step."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.system import HIGH, LEASE_SECONDS, TERMINAL, TRIGGERS, Answer, Seen, Status, System, reserved

KEYS = st.integers(0, 5)
WORKERS = st.integers(0, 1)
SUPERVISORS = st.integers(0, 1)
# Short of the lease, beyond the shim's margin, at its end.
SECONDS = st.sampled_from([1, LEASE_SECONDS // 2, LEASE_SECONDS - 1, LEASE_SECONDS])
TRIGGER_IDS = st.sampled_from(sorted(TRIGGERS))
ROUNDS = 80


class Promises(RuleBasedStateMachine):
    """Sub-classed by `promises_of` with the system to drive."""

    make: Callable[[], System]

    @initialize(limit=st.integers(1, 3), events=st.integers(0, 2), launches=st.booleans())
    def begin(self, limit: int, events: int, launches: bool) -> None:
        """An empty system, or one at work: from an empty one few walks would come to a second attempt."""
        self.system = type(self).make()
        self.system.set_limit(limit)
        self.before = self.system.see()
        self.acknowledged: set[int] = set()
        self.changes: set[int] = set()
        self.paused: set[int] = set()
        self.ended: dict[int, Status] = {}
        for event in range(events):
            self.arrive(2 * event, 0, crashes=False)
        if launches:
            self.launch(0, 0, None)

    # Operations.

    @rule(key=KEYS)
    def deliver(self, key: int) -> None:
        """Two keys report one change, as a webhook and a late poll do."""
        fresh = self.system.deliver(key, key // 2)
        assert fresh is (key not in self.acknowledged), "a duplicate was not told from a delivery"
        self.acknowledged.add(key)
        self.changes.add(key // 2)

    @rule(key=KEYS, worker=WORKERS, crashes=st.booleans())
    def arrive(self, key: int, worker: int, crashes: bool) -> None:
        """A delivery and its decision, or a crash in the middle of it."""
        self.deliver(key)
        self.system.prepare(worker)
        if crashes:
            self.system.crash(worker)
        self.system.commit(worker)

    @rule(worker=WORKERS)
    def prepare(self, worker: int) -> None:
        self.system.prepare(worker)

    @rule(worker=WORKERS)
    def commit(self, worker: int) -> None:
        self.system.commit(worker)

    @rule(worker=WORKERS)
    def crash(self, worker: int) -> None:
        self.system.crash(worker)

    @rule(worker=WORKERS)
    def look(self, worker: int) -> None:
        self.system.look(worker)

    @rule(worker=WORKERS)
    def admit(self, worker: int) -> None:
        self.system.admit(worker)

    @rule()
    def admit_at_once(self) -> None:
        for worker in (0, 1):
            self.system.look(worker)
        for worker in (0, 1):
            self.system.admit(worker)

    @rule(supervisor=SUPERVISORS)
    def start(self, supervisor: int) -> None:
        self.system.start(supervisor)

    @rule(supervisor=SUPERVISORS)
    def go(self, supervisor: int) -> None:
        self.system.go(supervisor)

    @rule(worker=WORKERS, supervisor=SUPERVISORS, pausing=st.none() | TRIGGER_IDS)
    def launch(self, worker: int, supervisor: int, pausing: int | None) -> None:
        """All that starts an agent, on request with a pause between its slot and its start."""
        self.system.look(worker)
        self.system.admit(worker)
        self.check()
        if pausing is not None:
            self._pause(pausing)
        for _ in TRIGGERS:
            self.system.start(supervisor)
        self.system.go(supervisor)

    @rule(supervisor=SUPERVISORS)
    def renew_row(self, supervisor: int) -> None:
        self.system.renew_row(supervisor)

    @rule(supervisor=SUPERVISORS)
    def renew_shim(self, supervisor: int) -> None:
        self.system.renew_shim(supervisor)

    @rule(supervisor=SUPERVISORS)
    def write(self, supervisor: int) -> None:
        self.system.write(supervisor)

    @rule(supervisor=SUPERVISORS)
    def finish(self, supervisor: int) -> None:
        self.system.finish(supervisor)

    @rule(supervisor=SUPERVISORS, signal=st.sampled_from(["stop", "continue", "continue", "kill"]))
    def signal(self, supervisor: int, signal: str) -> None:
        {"stop": self.system.freeze, "continue": self.system.thaw, "kill": self.system.kill}[signal](supervisor)

    @rule(supervisor=SUPERVISORS, seconds=SECONDS)
    def stall(self, supervisor: int, seconds: int) -> None:
        """SIGSTOP, and the others go on."""
        self.system.freeze(supervisor)
        self.system.tick(seconds)
        self.system.reap()

    @rule(supervisor=SUPERVISORS)
    def resurrect(self, supervisor: int) -> None:
        """SIGCONT, and it goes on where it stood."""
        self.system.thaw(supervisor)
        self.system.go(supervisor)
        self.system.renew_shim(supervisor)
        self.check()
        self.system.write(supervisor)

    @rule(supervisor=SUPERVISORS, seconds=SECONDS, later=SECONDS)
    def renew_slowly(self, supervisor: int, seconds: int, later: int) -> None:
        """A renewal with a stop between its row and its shim, and then none."""
        self.system.renew_row(supervisor)
        self.system.tick(seconds)
        self.system.renew_shim(supervisor)
        self.system.tick(later)
        self.system.reap()

    @rule(seconds=SECONDS)
    def tick(self, seconds: int) -> None:
        self.system.tick(seconds)

    @rule()
    def reap(self) -> None:
        self.system.reap()

    @rule(trigger=TRIGGER_IDS, paused=st.booleans())
    def pause_or_resume(self, trigger: int, paused: bool) -> None:
        if paused:
            self._pause(trigger)
        else:
            self._resume(trigger)

    def _pause(self, trigger: int) -> None:
        self.system.pause(trigger)
        self.paused.add(trigger)

    def _resume(self, trigger: int) -> None:
        self.system.resume(trigger)
        self.paused.discard(trigger)

    @rule(limit=st.sampled_from([0, 1, 2, 2, 3, 3]))
    def set_limit(self, limit: int) -> None:
        self.system.set_limit(limit)

    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        executions = sorted(self.before.executions)
        if executions:
            self.system.cancel(data.draw(st.sampled_from(executions)))

    # Promises.

    @invariant()
    def check(self) -> None:
        now = self.system.see()
        self._exactly_once(now)
        self._limits(now)
        self._attempts(now)
        self._endings(now)
        self.before = now

    def _exactly_once(self, now: Seen) -> None:
        repeated = [key for key, times in Counter(now.deliveries).items() if times > 1]
        assert not repeated, f"deliveries {repeated} were stored twice"
        firings = Counter((trigger, event) for trigger, event, _, _ in now.executions.values())
        assert all(times == 1 for times in firings.values()), f"an event fired a trigger twice: {firings}"

    def _limits(self, now: Seen) -> None:
        taken = now.holders - self.before.holders
        if not taken:
            return
        assert len(now.holders) <= now.limit, f"{len(now.holders)} slots are held of {now.limit}"
        low = [id_ for id_ in now.holders if TRIGGERS[now.executions[id_][0]] != HIGH]
        if taken & set(low):
            assert len(low) <= now.limit - reserved(now.limit), "the low class sits in the reserved share"

    def _attempts(self, now: Seen) -> None:
        lives = Counter(id_ for id_, _ in now.processes)
        assert all(count == 1 for count in lives.values()), f"two attempts live at once: {now.processes}"
        for id_, epoch in now.processes:
            # Its messages are fenced, but it would go on in the files beside its successor.
            assert epoch == now.executions[id_][3], f"attempt {epoch} outlived its lease on {now.executions[id_]}"
        for id_, epoch in now.writes[len(self.before.writes) :]:
            assert epoch == now.executions[id_][3], f"a write of epoch {epoch} landed on {now.executions[id_]}"
        for id_ in now.starts[len(self.before.starts) :]:
            trigger = now.executions[id_][0]
            assert trigger not in self.paused, f"trigger {trigger} started after its pause was acknowledged"

    def _endings(self, now: Seen) -> None:
        for id_, (_, _, status, _) in now.executions.items():
            ended = self.ended.get(id_)
            assert ended is None or status is ended, f"{ended} became {status}"
            if status in TERMINAL:
                self.ended[id_] = status

    def teardown(self) -> None:
        """When nothing goes wrong any more, everything acknowledged ends decided and everything fired ends."""
        if not hasattr(self, "system"):
            return
        for supervisor in (0, 1):
            self.system.thaw(supervisor)
        for trigger in TRIGGERS:
            self._resume(trigger)
        self.system.set_limit(3)
        for _ in range(ROUNDS):
            self._one_quiet_round()
            self.check()
            if self._is_settled():
                break
        self._end_of_all(self.system.see())

    def _one_quiet_round(self) -> None:
        self.system.prepare(0)
        self.system.commit(0)
        self.system.prepare(1)
        self.system.commit(1)
        self.launch(0, 0, None)
        for supervisor in (0, 1):
            for _ in range(3):
                self.system.finish(supervisor)
        self.system.tick(LEASE_SECONDS)
        self.system.reap()

    def _is_settled(self) -> bool:
        seen = self.system.see()
        return not seen.undecided and not seen.holders and all(one[2] in TERMINAL for one in seen.executions.values())

    def _end_of_all(self, seen: Seen) -> None:
        assert self.acknowledged == set(seen.deliveries), "an acknowledged delivery was lost"
        assert not seen.undecided, "a delivery was never decided"
        expected = {(trigger, change) for trigger in TRIGGERS for change in self.changes}
        assert set(seen.decisions) == expected, "an event has no answer for a trigger"
        fired = {key for key, answer in seen.decisions.items() if answer is Answer.FIRED}
        assert fired == {(trigger, event) for trigger, event, _, _ in seen.executions.values()}
        assert all(one[2] in TERMINAL for one in seen.executions.values()), f"an execution is stuck: {seen.executions}"
        assert not seen.holders, "a slot is held for nothing"
        assert not seen.processes, "a process outlived its execution"


def promises_of(make: Callable[[], System]) -> type[Promises]:
    """The machine for one system."""
    return type("PromisesOfSystem", (Promises,), {"make": staticmethod(make)})
