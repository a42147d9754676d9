"""One run of one agent, from its claim to what becomes of the agent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from accounts.actor import Actor
from agents.enums import MessageKind
from agents.runtimes import CannotRun, LaunchSpec, Message
from agents.services import briefing, endings, runs
from agents.services.endings import Exited
from agents.services.fence import Fenced
from agents.supervisor import words
from agents.supervisor.hearing import Hearing, hearing, silence
from agents.supervisor.threads import Threads
from agents.supervisor.timing import Timing
from agents.supervisor.writer import Entry, Writer
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.process.frames import Exit, ExitReason, Limits, Output, RunSpec, Spawned, boot_clock
from dct_site.kernel.process.sandbox import Sandbox, SandboxLevel, sandbox
from dct_site.kernel.process.spawn import ShimGone, ShimProcess
from deliverables.services import gate
from workspaces import files
from workspaces.enums import TrustTier

log = structlog.get_logger(__name__)

Value = TypeVar("Value")
Clock = Callable[[], datetime]
GO_SECONDS = 5.0
LINE_BYTES = 1024 * 1024


@dataclass
class Surroundings:
    """What every run of one supervisor shares."""

    owner: str
    data_dir: Path
    timing: Timing
    clock: Clock
    threads: Threads
    writer: Writer
    level: SandboxLevel

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.timing.lease)


@dataclass
class Run:
    """Owns the shim of one claimed run. ``supervise()`` returns when nothing of it is left to do.

    ``waiting`` is the shim that the claim named; as ``shim`` it is to be talked to, from its spec on.
    """

    around: Surroundings
    claim: runs.Claim
    waiting: ShimProcess
    claimed_at: float = field(default_factory=boot_clock)
    shim: ShimProcess | None = None
    brief: briefing.Briefing | None = None
    stop_wanted: tuple[str, Actor] | None = None
    is_ending: bool = False
    is_refused: bool = False
    launch: LaunchSpec | None = None
    heard: Hearing = field(default_factory=silence)

    @property
    def takes_messages(self) -> bool:
        """Whether what people say can be told to it while it works."""
        return self.launch is not None and self.launch.stdin is None

    async def supervise(self) -> None:
        """Prepare, let go, listen, and settle what becomes of the agent. Never raises: the row tells."""
        try:
            exited = await self._work()
            if exited is not None:
                await self.around.writer.drain(self.claim.run_id)
                await self._settle(exited)
        except Fenced as fenced:
            log.warning("run_fenced", detail=str(fenced))
        except Exception:  # the edge of a worker's loop: the lease runs out and the reaper tries again
            log.exception("run_broke")
        finally:
            self.around.writer.drop_run(self.claim.run_id)

    # To the go

    async def _work(self) -> Exit | None:
        crashpoint("supervisor.after_claim")
        async with self.waiting as shim:
            try:
                self.brief = await self.around.threads.side(
                    lambda: briefing.brief(self.claim.run_id, now=self.around.clock())
                )
                spec = self._spec(self.brief)
            except (CannotRun, files.FileTrouble) as trouble:
                await self._fail(Exited(str(trouble)), is_final=isinstance(trouble, CannotRun))
                return None
            await shim.give(spec)
            self.shim = shim
            crashpoint("supervisor.after_shim")
            refused = await self._let_go(shim)
            if refused:
                await self._not_started(refused)
                return None
            return await self._listen(shim)

    def _spec(self, brief: briefing.Briefing) -> RunSpec:
        around, profile = self.around, brief.agent.profile
        launch = self.launch = brief.runtime.prepare(brief.assignment)
        self.heard = hearing(brief.runtime, brief.assignment, brief.allowance)
        level = around.level
        is_untrusted = brief.agent.workspace.trust_tier == TrustTier.OPEN
        if level is SandboxLevel.NONE and is_untrusted and not brief.runtime.is_own_code:
            raise CannotRun(
                "This machine has no sandbox, and the event came through an open door. Install bubblewrap, "
                "or let a verified sender fire the trigger."
            )
        walls: Sandbox = sandbox(
            level,
            workspace=brief.assignment.root,
            readonly=launch.readonly,
            hidden=(around.data_dir,),
            network=launch.is_network_allowed,
        )
        return RunSpec(
            argv=launch.argv,
            cwd=launch.cwd,
            env=launch.env,
            limits=Limits(wall_clock=brief.seconds, output_bytes=profile.output_limit_bytes),
            lease=max(around.timing.margin, around.timing.lease - (boot_clock() - self.claimed_at)),
            margin=around.timing.margin,
            sandbox=walls,
            line_bytes=LINE_BYTES,
            mark=brief.mark,
        )

    async def _let_go(self, shim: ShimProcess) -> str:
        loop = asyncio.get_running_loop()

        def go() -> None:
            # Inside the transaction that holds the capacity lock: a pause that returns later finds the program running.
            crashpoint("supervisor.before_go")
            asyncio.run_coroutine_threadsafe(shim.go(), loop).result(GO_SECONDS)
            crashpoint("supervisor.after_go")

        asked_at = boot_clock()
        refused = await self._database(runs.let_go, lease=self.around.lease, go=go)
        if not refused:
            self.around.writer.add_run(self.claim.run_id, Entry(renewed=self._renewed, refused=self._refuse))
            await self._renewed(self.around.timing.lease - (boot_clock() - asked_at))
        return refused

    async def _not_started(self, reason: str) -> None:
        if self.stop_wanted is None:
            await self._database(runs.withdraw, reason=reason)
        else:
            await self._stopped(reason)

    # While it runs

    async def _listen(self, shim: ShimProcess) -> Exit:
        if self.stop_wanted is not None or self.is_ending:  # wished between the claim and the go
            await self._end_process()
        if self.launch is not None and self.launch.stdin is not None:
            await _quietly(self._give_input(shim, self.launch.stdin))
        async for frame in shim:
            if isinstance(frame, Output):
                await self._hear(frame)
            elif isinstance(frame, Spawned):
                log.info("run_started", pid=frame.program.pid)
        if shim.exit is None:
            return Exit(reason=ExitReason.LOST)
        return shim.exit

    async def _give_input(self, shim: ShimProcess, text: str) -> None:
        """All that there is to read for a program that is told nothing while it works."""
        if text:
            await shim.send(text)
        await shim.end_input()

    async def _hear(self, frame: Output) -> None:
        must_end = self.heard.must_end
        said = self.heard.hear(frame.text, is_error=frame.fd == 2)
        await self.around.writer.add(self.claim.run_id, said.messages, len(frame.text) + 1, checkpoint=said.checkpoint)
        if self.heard.must_end and not must_end:
            await self._end_process()

    async def stop(self, *, reason: str, by: Actor) -> None:
        """End the run on purpose: SIGTERM to all of it, SIGKILL after the grace. Safe to repeat."""
        if self.stop_wanted is not None:
            return
        self.stop_wanted = (reason, by)
        try:
            await self._database(endings.stop_run)
        except Fenced:
            await self._refuse()
        await self._end_process()

    async def tell(self) -> None:
        """Write to the program what people said since."""
        try:
            texts = await self._database(endings.tell)
        except Fenced:
            await self._refuse()
            return
        for text in texts:
            if self.shim is not None:
                line = json.dumps({"type": "message", "text": text}, ensure_ascii=False)
                await _quietly(self.shim.send(line + "\n"))

    async def shut_down(self) -> None:
        """DCT ends: end the process; its agent is queued again."""
        self.is_ending = True
        if self.shim is not None:
            await _quietly(self.shim.stop(self.around.timing.shutdown / 2))

    async def _end_process(self) -> None:
        if self.shim is not None:
            await _quietly(self.shim.stop(self.around.timing.grace))

    async def _renewed(self, seconds: float) -> None:
        """The database has a new lease; now the shim may know."""
        if self.shim is not None and self.shim.exit is None:
            await _quietly(self.shim.renew(seconds))

    async def _refuse(self) -> None:
        """Another run took over, or the lease is over: nothing of this one counts, and it dies."""
        self.is_refused = True
        if self.shim is not None:
            await _quietly(self.shim.kill())

    # What becomes of the agent

    async def _settle(self, exit_: Exit) -> None:
        exited = Exited(words.why_it_ended(exit_), exit_.code)
        if self.is_refused:
            return
        if self.stop_wanted is not None:
            await self._stopped(self.stop_wanted[0])
        elif self.is_ending and not self.heard.is_done:
            await self._database(endings.shut_down)
        elif self.heard.is_done or (words.ended_well(exit_) and not self.heard.failure):
            await self._succeed(Exited("it said that it is done", exit_.code))
        elif self.heard.overdrawn:
            told = f"It used {self.heard.overdrawn} that were left for it of its trigger's budget."
            await self._fail(Exited(told, exit_.code), is_final=True)
        else:
            failed = replace(exited, reason=self.heard.failure or exited.reason)
            await self._fail(failed, is_final=self.heard.is_hopeless or words.is_final(exit_))

    async def _succeed(self, exited: Exited) -> None:
        if self.heard.question:
            await self._database(endings.ask, exited=exited, question=self.heard.question)
            return
        if not await self._database(endings.claim_done):
            return
        assert self.brief is not None  # noqa: S101 - it ran
        now = self.around.clock
        workspace = self.brief.agent.workspace
        result = await self.around.threads.side(lambda: gate.evaluate(workspace=workspace, now=now()))
        crashpoint("supervisor.after_gate")
        if self.stop_wanted is not None:
            await self._stopped(self.stop_wanted[0])
        elif result.holds:
            await self._database(endings.complete, exited=exited)
        else:
            await self._database(endings.send_back, exited=exited, reasons=[str(one) for one in result.failing])

    async def _stopped(self, reason: str) -> None:
        by = self.stop_wanted[1] if self.stop_wanted is not None else Actor.system()
        around, run_id = self.around, self.claim.run_id
        # What it said is compressed and its files are compared: renewals go on meanwhile.
        await around.threads.side(
            lambda: endings.stopped(run_id, owner=around.owner, now=around.clock(), exited=Exited(reason), by=by)
        )

    async def _fail(self, exited: Exited, *, is_final: bool) -> None:
        await self.around.writer.add(self.claim.run_id, [Message(MessageKind.SYSTEM, exited.reason)], 0)
        await self.around.writer.drain(self.claim.run_id)
        # One that came to its end without a word of the session it was to go on with: that one is gone.
        had_one = self.brief is not None and "session" in self.brief.assignment.checkpoint
        is_lost = had_one and exited.code is not None and not self.heard.session
        await self._database(endings.fail, exited=exited, is_final=is_final, is_session_lost=is_lost)

    async def _database(self, call: Callable[..., Value], **kwargs: object) -> Value:
        around = self.around
        return await around.threads.database(
            lambda: call(self.claim.run_id, owner=around.owner, now=around.clock(), **kwargs)
        )


async def _quietly(sending: Awaitable[None]) -> None:
    """To a shim that may be gone: then its Exit tells the rest."""
    try:
        await sending
    except ShimGone:
        log.debug("shim_gone")
