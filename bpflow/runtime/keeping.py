"""Keeping histories: verifying that they are as they were written, purging what is old. A part of `Engine`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from bpflow.diagnostics import Refused, did_you_mean, say, with_hint
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime.archive import Archive, read
from bpflow.runtime.auditing import Audited, Auditor
from bpflow.runtime.part import Part
from bpflow.runtime.purging import Purge, Purged, forget_messages
from bpflow.runtime.views import InstanceView, Line, lines_of, view_of


class NeverDeployed(Refused):
    """There never was such a process; of those that there were, it says which could be meant."""

    def __init__(self, process: str, known: Sequence[str]) -> None:
        super().__init__(with_hint(say('the process "{process}" was never deployed', process=process), did_you_mean(process, known)))


class Keeping(Part):
    """Histories that are verified and purged."""

    def verify_history(
        self,
        process: str | None = None,
        instance: int | None = None,
        *,
        replay: bool = False,
        heads: str | Path | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Audited:
        """Whether the histories and states are as they were written: of all instances, of a process, or of one.

        `replay`: every event is worked in again, and must give the state that is there · `heads`: a file, kept where nobody who can write to the
        database can, with the heads of all chains; what it says must still be so, and if nothing is found it is written anew. UnexpectedEvent
        if there is no such instance, Refused if there never was such a process, or the file cannot be read.
        """
        self._known(() if process is None else (process,))
        auditor = Auditor(self.runner, replay)
        if instance is not None:
            auditor.one(self.runner.row(instance))
        elif process is not None:
            for _ in auditor.all(process, lambda id: None, progress):
                pass
        else:
            auditor.strays()
            auditor.everything(Path(heads) if heads is not None else None, progress)
        return auditor.done

    def verify_archive(self, archive: str | Path, *, replay: bool = False, progress: Callable[[int], None] = lambda done: None) -> Audited:
        """The same for an archive of purged instances; of those that this database knows of, whether they are the ones that were purged. Refused if
        it is none, or its histories are chained with another key than those of this database."""
        auditor = Auditor(self.runner, replay)
        for kept in read(Path(archive), chain=self.runner.chain):
            auditor.archived(kept)
            progress(auditor.done.instances)
        return auditor.done

    def archived(self, archive: str | Path, instance: int) -> tuple[InstanceView, list[Line]]:
        """An instance of an archive and its timeline, as `instance` and `timeline` gave them. UnexpectedEvent if it is not there."""
        found = list(read(Path(archive), instance))
        if not found:
            raise UnexpectedEvent(say('there is no instance {id} in "{file}"', id=instance, file=str(archive)))
        kept = found[-1]
        held = kept.held()
        return view_of(kept.row, held, [], []), lines_of(held, kept.rows)

    def compact(self) -> None:
        """Gives the room of what was purged back to the disk, where the database does not do that itself. Nobody can write meanwhile."""
        self.store.compact()

    def purge_messages(self) -> int:
        """Forgets the messages whose time is over; gives how many there were."""
        return forget_messages(self.store, self.clock.now())

    def purge(
        self,
        older_than: timedelta,
        processes: Sequence[str] = (),
        *,
        archive: str | Path | None = None,
        dry_run: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Purged:
        """Takes away the instances that ended longer ago than that (of some `processes`, or of all) and that nobody needs any more, with their
        states, histories, notices and past calendar entries; their documents stay, and of each a line that it was there. Also forgets messages
        whose time is over, and what was remembered of calls and messages longer ago, so that none is worked twice.

        `archive`: a file to which they are added as JSON Lines, before they go. May be broken off anywhere and called again. Refused if the
        file is no archive, or one of another key, there never was such a process, or the time is not positive.
        """
        self._known(processes)
        if older_than <= timedelta(0):
            raise Refused(say("only what ended some time ago can be purged: the time must be more than nothing"))
        now = self.clock.now()
        purge = Purge(self.runner, now - older_than, now, dry_run=dry_run, progress=progress)
        if archive is None or dry_run:
            return self._purged(purge, processes)
        with Archive(Path(archive), self.runner.chain) as purge.archive:
            return self._purged(purge, processes)

    def _known(self, processes: Sequence[str]) -> None:
        """NeverDeployed if one of the processes never was: nothing would be found of a name that is written wrongly, and that would pass for
        well. One that is deployed no more is known by its instances."""
        known = self.store.processes() if processes else []
        for process in processes:
            if process not in known:
                raise NeverDeployed(process, known)

    def _purged(self, purge: Purge, processes: Sequence[str]) -> Purged:
        for process in processes or (None,):
            purge.instances(process)
        purge.rest()
        return purge.done
