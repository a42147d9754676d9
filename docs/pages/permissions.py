"""The page of who may do what, from the permission table."""

from accounts.enums import Role, Toggle
from accounts.operations import TABLE, Operation, Reach
from docs.pages.markdown import code, joined, table

SHOWN = {Reach.ALL: "all", Reach.OWN: "own", Reach.NEVER: "–", Reach.GRANTABLE: "if granted"}
LATER = {
    Operation.PACKAGES,
    Operation.GIT,
    Operation.DEPLOY_TESTING,
    Operation.DEPLOY_PRODUCTION,
    Operation.APPROVE,
    Operation.TRIGGER_PACKAGES,
    Operation.WORKFLOWS,
    Operation.METRICS,
}

INTRODUCTION = """# Who may do what

One table, asked by the pages, the API, the admin and the websocket alike. What it does not allow is refused.

* **own**: what the person owns, or what was granted to them for that very object.
* **all**: every object.
* **if granted**: nobody of that role, until a superuser grants the operation to the person.
* **toggle**: switched off, nobody may, superusers included. Triggers that run go on running.
* Rows marked ◦ are rights of parts that are still to come; the rule is whole from the start."""

ENDING = """## What follows from it

* What a person may not see answers as if it were not there: 404, and absent from lists and counts. What they may see
  but not do answers 403 with the reason.
* A trigger runs with its **owner's** rights, asked again for every event. An owner who was deactivated, or may no
  longer see the card, makes it answer `suppressed: owner_rights`.
* Who publishes somebody else's trigger becomes its owner; the former owner keeps a grant to change it.
* Events, deliveries and listeners are seen by who sees their connection (or the card, where it was granted); an
  execution by who sees its trigger or workspace.
* An API token does at most what its owner may do."""


def page() -> str:
    """The Markdown of reference/permissions.md."""
    head = ["operation", *(role.label for role in Role), "superuser", "toggle"]
    rows = [
        [
            f"{rule.label}{' ◦' if operation in LATER else ''}",
            *(SHOWN[rule.reach(role)] for role in Role),
            SHOWN[rule.superuser],
            code(rule.toggle.value) if rule.toggle else "",
        ]
        for operation, rule in TABLE.items()
    ]
    toggles = table(["toggle", "feature"], ([code(toggle.value), toggle.label] for toggle in Toggle))
    return joined(INTRODUCTION, table(head, rows), "## Feature toggles", toggles, ENDING)
