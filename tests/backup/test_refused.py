"""What a restore refuses, in one sentence and before anything is touched; and what an archive may not hold."""

import gzip
import io
import json
import sqlite3
import tarfile
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dct_site.backup import postgres, restoring
from dct_site.backup.archive import Writer, verify
from dct_site.backup.manifest import FORMAT, MEMBER, SQLITE, Facts, Manifest
from dct_site.backup.restoring import Target
from dct_site.backup.troubles import CannotBackUp, CannotRestore, Progress
from dct_site.command import backup, run

FACTS = Facts(migrations=["triggers.0001_initial"], keys=["0a1b2c3d"], counts={"events": 1}, trees=["workspaces/w"])
MANIFEST = Manifest("2026-11-20T12:00:00Z", "0.1.0", SQLITE, "3.40", "", FACTS, [])
KNOWN = {"triggers.0001_initial"}


def a_database(at: Path) -> bytes:
    with closing(sqlite3.connect(at)) as made:
        made.execute("CREATE TABLE kept (what TEXT)")
        made.commit()
    return at.read_bytes()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small one: a database, and a workspace with a file, a program and a link."""
    raw = a_database(tmp_path / "source.sqlite3")
    with Writer(tmp_path / "a.tar.gz") as writer:
        writer.add_file("database.sqlite3", io.BytesIO(raw), len(raw))
        writer.add_directory("files/workspaces/w")
        writer.add_file("files/workspaces/w/plan.md", io.BytesIO(b"plan"), 4, mtime=1_000_000_000)
        writer.add_file("files/workspaces/w/run.sh", io.BytesIO(b"#!"), 2, mode=0o700)
        writer.add_link("files/workspaces/w/link", "/etc/passwd")
        writer.finish(MANIFEST)
    return writer.path


def target(tmp_path: Path) -> Target:
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    return Target({"ENGINE": "dct_site.kernel.sqlite", "NAME": str(data / "dct.sqlite3")}, data)


def look(archive: Path, place: Target, *, known: set[str] = KNOWN, is_forced: bool = False) -> Manifest:
    return restoring.look_at(archive, place, known=known, is_forced=is_forced, progress=Progress())


def made_anew(archive: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> Path:
    """The archive with members changed, or left out."""
    changed = archive.with_name("changed.tar.gz")
    with tarfile.open(archive) as old, tarfile.open(changed, "w:gz") as new:
        for info in old:
            file = old.extractfile(info) if info.isreg() else None
            told = change(info, file.read() if file else b"")
            if told is not None:
                told[0].size = len(told[1])
                new.addfile(told[0], io.BytesIO(told[1]))
    return changed


def test_what_was_put_in_is_put_in_place_as_it_was(archive: Path, tmp_path: Path, now: Any) -> None:
    place = target(tmp_path)
    manifest = look(archive, place)
    aside = restoring.put_in_place(archive, place, manifest, now=now, progress=Progress())
    there = place.data / "workspaces" / "w"
    assert (there / "plan.md").read_text() == "plan"
    assert (there / "plan.md").stat().st_mtime == 1_000_000_000
    assert (there / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (there / "link").readlink() == Path("/etc/passwd")
    assert not aside.exists()
    # Until it is laid to rest, DCT does not start.
    with pytest.raises(run.CannotRun, match="cut short"):
        run._refuse_half_a_restore(place.data)
    restoring.finished(place.data)
    run._refuse_half_a_restore(place.data)
    with pytest.raises(CannotRestore, match="is not empty; use another place"):
        look(archive, place)
    look(archive, place, is_forced=True)


@pytest.mark.parametrize(
    ("database", "sentence"), [({"ENGINE": "django.db.backends.postgresql"}, "is of SQLite and DCT_DATABASE_URL names")]
)
def test_a_database_of_the_other_kind_is_refused(
    archive: Path, tmp_path: Path, database: Mapping[str, Any], sentence: str
) -> None:
    with pytest.raises(CannotRestore, match=sentence):
        look(archive, Target(database, tmp_path))


def test_a_newer_schema_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotRestore, match=r"newer DCT \(this one does not know triggers.0001_initial\)"):
        look(archive, target(tmp_path), known=set())
    newer = made_anew(
        archive,
        lambda info, raw: (
            info,
            json.dumps(json.loads(raw) | {"format": FORMAT + 1}).encode() if info.name == MEMBER else raw,
        ),
    )
    with pytest.raises(CannotRestore, match="newer DCT"):
        look(newer, target(tmp_path))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda info, raw: (info, b"plam" if info.name.endswith("plan.md") else raw), "plan.md in .* is not what was"),
        (lambda info, raw: None if info.name.endswith("plan.md") else (info, raw), "plan.md in .* is not what was"),
        (lambda info, raw: None if info.name == MEMBER else (info, raw), "cut off: its manifest is missing"),
        (lambda info, raw: (info, b"[]" if info.name == MEMBER else raw), "manifest cannot be read"),
    ],
    ids=["another content", "one is missing", "no manifest", "a manifest that is none"],
)
def test_an_archive_that_is_not_what_was_written_is_refused(
    change: Callable[[tarfile.TarInfo, bytes], Any], sentence: str, archive: Path, tmp_path: Path
) -> None:
    place = target(tmp_path)
    with pytest.raises(CannotRestore, match=sentence):
        look(made_anew(archive, change), place)
    assert list(place.data.iterdir()) == []


def test_an_archive_that_was_cut_short_or_is_none_is_refused(archive: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.tar.gz"
    short.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    none = tmp_path / "none.tar.gz"
    none.write_bytes(gzip.compress(b"text"))
    for wrong in (short, none):
        with pytest.raises(CannotRestore, match=r"no whole archive|cut off"):
            look(wrong, target(tmp_path))
    with pytest.raises(CannotRestore, match="there is no file"):
        look(tmp_path / "nothing", target(tmp_path))


@pytest.mark.parametrize("name", ["../out", "/etc/out", "files/../../out", "files/./a", "keys/encryption_keys"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, archive: Path) -> None:
    def renamed(info: tarfile.TarInfo, raw: bytes) -> tuple[tarfile.TarInfo, bytes]:
        info.name = name if info.name.endswith("plan.md") else info.name
        return info, raw

    with pytest.raises(CannotRestore, match="which no backup does"):
        verify(made_anew(archive, renamed), lambda _: None)


def test_nothing_is_written_through_a_link(tmp_path: Path, now: Any) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with Writer(tmp_path / "b.tar.gz") as writer:
        writer.add_file("database.sqlite3", io.BytesIO(b""), 0)
        writer.add_link("files/workspaces", str(outside))
        writer.add_file("files/workspaces/plan.md", io.BytesIO(b"plan"), 4)
        writer.finish(MANIFEST)
    place = target(tmp_path)
    with pytest.raises(CannotRestore, match="in a way that no backup does"):
        restoring.put_in_place(
            writer.path, place, replace(MANIFEST, members=writer.members), now=now, progress=Progress()
        )
    assert list(outside.iterdir()) == []
    assert list(place.data.iterdir()) == []


def test_no_archive_takes_the_place_of_a_file_or_stays_half_written(tmp_path: Path) -> None:
    with Writer(tmp_path / "half.tar.gz") as writer:
        writer.add_directory("files/a")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "other").write_text("kept")
    with Writer(tmp_path / "other") as writer, pytest.raises(FileExistsError):
        writer.finish(MANIFEST)
    assert (tmp_path / "other").read_text() == "kept"


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("", "there is no pg_dump; install"),
        ("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9'\n", "is of version 14, the server of 15"),
    ],
)
def test_a_tool_that_is_missing_or_too_old_is_told(
    program: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program:
        (tmp_path / "pg_dump").write_text(program)
        (tmp_path / "pg_dump").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBackUp, match=sentence):
        postgres.Server({}, CannotBackUp).tool("pg_dump", at_least=15, what="the server")


def test_a_password_goes_by_the_environment_alone() -> None:
    server = postgres.Server(
        {"NAME": "d", "PASSWORD": "canary", "OPTIONS": {"sslmode": "require", "pool": {}}}, CannotBackUp
    )
    assert server.parameters == {"dbname": "d", "password": "canary", "sslmode": "require"}
    with pytest.raises(CannotBackUp, match="env failed: canary require"):
        server.run(["/usr/bin/env", "sh", "-c", 'echo "$PGPASSWORD $PGSSLMODE" >&2; exit 1'])


def test_backup_says_in_one_sentence_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise CannotBackUp("there is no database.")

    monkeypatch.setattr(backup, "_back_up", refuse)
    parser = ArgumentParser()
    backup.add_arguments(parser)
    monkeypatch.setenv("DCT_DATA_DIR", str(tmp_path))
    assert backup.main(parser.parse_args([])) == 1
    assert capsys.readouterr().err == "\ndct: no backup was made: there is no database.\n"
