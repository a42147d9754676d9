"""What a record keeps: the conversation in parts that are read by range, the checkpoint, what was done to files."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from agents.models import AgentMessage, CommandSecret, ConversationPart, ObsoleteAgentRecord
from agents.runtimes import CannotRun
from agents.selectors.records import changed_files, lines_of
from agents.services import obsolete
from agents.services.comparing import compare
from agents.services.obsolete import PART_MESSAGES, keep, pack, unpack
from tests.agents.records.rows import SYSTEM, put_away, say
from tests.factories.agents import NOON, make_agent, make_command, make_profile
from tests.factories.workspaces import make_template, make_workspace
from workspaces import files

pytestmark = pytest.mark.django_db


def test_a_long_conversation_lies_in_parts_and_is_the_same_when_it_is_read() -> None:
    texts = [f"line {n} ü" for n in range(1, 2 * PART_MESSAGES + 51)]
    record = put_away(*texts)
    assert ConversationPart.objects.count() == 2
    assert [line["text"] for line in unpack(record)] == texts
    assert [line["seq"] for line in unpack(record)] == list(range(1, len(texts) + 1))
    assert record.message_count == len(texts)
    parts = sum(ConversationPart.objects.values_list("stored_bytes", flat=True))
    assert record.stored_bytes == parts + len(record.conversation) + len(record.changes or b"")
    assert record.stored_bytes < record.conversation_size


def test_large_messages_close_a_part_before_it_grows() -> None:
    record = put_away(*["x" * 60_000] * 12)
    assert all(size < obsolete.PART_BYTES + 70_000 for size in ConversationPart.objects.values_list("size", flat=True))
    assert record.message_count == 12
    assert len(unpack(record)) == 12


def test_a_range_is_read_without_unpacking_what_comes_before_or_after() -> None:
    record = put_away(*[f"line {n}" for n in range(1, 3 * PART_MESSAGES + 2)])
    record = ObsoleteAgentRecord.objects.defer("conversation").get(pk=record.pk)
    with CaptureQueriesContext(connection) as asked:
        found = [line["seq"] for line in lines_of(record, after=PART_MESSAGES + 3, limit=2)]
    assert found == [PART_MESSAGES + 4, PART_MESSAGES + 5]
    assert len(asked) == 2, "the list of parts, and the one part"
    assert [line["seq"] for line in lines_of(record, after=3 * PART_MESSAGES - 1, limit=9)] == [1500, 1501]
    assert list(lines_of(record, after=3 * PART_MESSAGES + 1)) == []


def test_packing_again_writes_nothing_twice_and_takes_up_what_came_since() -> None:
    agent = make_agent()
    say(agent, *[f"line {n}" for n in range(1, PART_MESSAGES + 2)])
    pack(agent.pk)
    before = list(ConversationPart.objects.values_list("pk", flat=True))
    say(agent, *[f"more {n}" for n in range(PART_MESSAGES)])
    packed = pack(agent.pk)
    assert packed.count == 2 * PART_MESSAGES + 1
    record = keep(agent, packed, reason="replaced", by=SYSTEM, now=NOON)
    assert record is not None
    assert ConversationPart.objects.filter(pk__in=before).count() == 1
    assert [line["seq"] for line in unpack(record)] == list(range(1, 2 * PART_MESSAGES + 2))
    assert AgentMessage.objects.count() == 2 * PART_MESSAGES + 1


def test_only_the_end_is_written_with_the_replacement() -> None:
    agent = make_agent()
    say(agent, *["x" * 50_000] * 20)
    packed = pack(agent.pk)
    with CaptureQueriesContext(connection) as asked:
        keep(agent, packed, reason="replaced", by=SYSTEM, now=NOON)
    written = [query["sql"] for query in asked if "INSERT" in query["sql"]]
    assert len(written) == 1
    assert "obsoleteagentrecord" in written[0]


def cloned(**contents: str) -> Any:
    template = make_template({f"work/{name}.md": text for name, text in contents.items()})
    workspace = make_workspace(template=template)
    for name, text in contents.items():
        files.write_atomic(files.root_of(workspace), f"work/{name}.md", text.encode())
    return workspace


def test_what_an_agent_did_to_its_files_is_kept_beside() -> None:
    workspace = cloned(plan="one\ntwo\n", gone="x\n", same="s\n")
    root = files.root_of(workspace)
    files.write_atomic(root, "work/plan.md", b"one\nthree\n")
    files.write_atomic(root, "feedback/digest.md", b"# Digest\n")
    files.write_atomic(root, "work/.netrc", b"password hunter2")
    files.delete_file(root, "work/gone.md")
    record = put_away(workspace=workspace)
    found = {row["path"]: (row["change"], row["diff"]) for row in changed_files(record)}
    assert found == {
        "feedback/digest.md": ("added", "@@ -0,0 +1 @@\n+# Digest"),
        "work/.netrc": ("added", ""),
        "work/gone.md": ("removed", "@@ -1 +0,0 @@\n-x"),
        "work/plan.md": ("changed", "@@ -1,2 +1,2 @@\n one\n-two\n+three"),
    }
    assert (record.change_count, record.is_changes_cut) == (4, False)
    assert [row["path"] for row in changed_files(record, after=1, limit=2)] == ["work/.netrc", "work/gone.md"]


def test_secrets_of_the_program_are_masked_in_what_is_quoted() -> None:
    command = make_command("true")
    CommandSecret.objects.create(command=command, name="KEY", value="canary-7f3a91", updated_at=NOON)
    workspace = cloned(plan="one\n")
    files.write_atomic(files.root_of(workspace), "work/plan.md", b"one\nkey = canary-7f3a91\n")
    record = put_away(workspace=workspace, profile=make_profile(command=command))
    (row,) = changed_files(record)
    assert "canary" not in row["diff"]
    assert "+key = •••" in row["diff"]


def test_where_secrets_cannot_be_read_nothing_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_: object) -> dict[str, str]:
        raise CannotRun("its key is lost")

    monkeypatch.setattr(obsolete, "opened", lost)
    record = put_away("said", profile=make_profile(command=make_command("true")))
    assert (record.changes, record.change_count) == (None, None)
    assert compare(record, put_away("said too")).files is None


def test_differences_are_bounded_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaces.files.differing.FILES", 3)
    workspace = cloned(plan="one\n")
    for number in range(5):
        files.write_atomic(files.root_of(workspace), f"work/{number}.md", b"x")
    record = put_away(workspace=workspace)
    assert (record.change_count, record.is_changes_cut) == (3, True)


def test_links_are_never_followed(tmp_path: Any) -> None:
    outside = tmp_path / "outside"
    outside.write_text("canary")
    workspace = cloned(plan="one\n")
    (files.root_of(workspace) / "work" / "link.md").symlink_to(outside)
    (files.root_of(workspace) / "work" / "plan.md").unlink()
    (files.root_of(workspace) / "work" / "plan.md").symlink_to(outside)
    record = put_away(workspace=workspace)
    assert [(row["path"], row["change"]) for row in changed_files(record)] == [("work/plan.md", "removed")]
    assert "canary" not in str(changed_files(record))


def test_a_workspace_without_files_has_a_record_all_the_same() -> None:
    record = put_away("hello")
    assert (record.change_count, changed_files(record)) == (0, [])


def test_a_record_from_before_parts_is_read_as_it_is() -> None:
    record = put_away("a", "b")
    ObsoleteAgentRecord.objects.filter(pk=record.pk).update(changes=None, change_count=None)
    record.refresh_from_db()
    assert [line["text"] for line in unpack(record)] == ["a", "b"]
    assert changed_files(record) == []


def test_who_must_hold_a_transaction_leaves_the_files_alone() -> None:
    agent = make_agent()
    assert pack(agent.pk, with_files=False).changes is None
    record = keep(agent, pack(agent.pk, with_files=False), reason="x", by=Actor.system(), now=NOON)
    assert record is not None
    assert record.change_count is None
