"""A process named so that its number cannot be taken for another's."""

from dataclasses import dataclass

from dct_site.kernel.process import shim_tree


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process number with what makes it unique: its start in clock ticks since boot, and the boot."""

    pid: int
    start_time: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """The identity of a process that runs now; `start_time` is 0 when there is none."""
        return cls(pid=pid, start_time=shim_tree.start_time(pid), boot_id=shim_tree.boot_id())

    def is_running(self) -> bool:
        """Whether exactly this process is still there (a zombie is not)."""
        return (
            self.start_time > 0
            and self.boot_id == shim_tree.boot_id()
            and self.start_time == shim_tree.start_time(self.pid)
            and shim_tree.is_alive(self.pid)
        )
