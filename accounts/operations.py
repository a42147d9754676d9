"""Who may do what: the permission table as data. Every door asks it through ``accounts.permissions``."""

from dataclasses import dataclass
from enum import StrEnum

from accounts.enums import Role, Toggle


class Operation(StrEnum):
    """Everything a person can do, one member per row of the table."""

    POST_WEBHOOK = "post_webhook"
    VIEW = "view"
    VIEW_RAW = "view_raw"
    MANAGE_TRIGGERS = "manage_triggers"
    FIRE = "fire"
    SET_HIGH_PRIORITY = "set_high_priority"
    EDIT_WORKSPACES = "edit_workspaces"
    ACTIVATE_WORKSPACES = "activate_workspaces"
    PACKAGES = "packages"
    GIT = "git"
    DEPLOY_TESTING = "deploy_testing"
    DEPLOY_PRODUCTION = "deploy_production"
    TRIAGE = "triage"
    WAIVE = "waive"
    MANAGE_CONNECTIONS = "manage_connections"
    SET_LIMITS = "set_limits"
    REGISTER_COMMANDS = "register_commands"
    READ_AUDIT = "read_audit"
    FLIP_TOGGLES = "flip_toggles"
    MANAGE_PEOPLE = "manage_people"
    CONTROL_AGENTS = "control_agents"
    PUBLISH_TRIGGERS = "publish_triggers"
    POST_EVENTS = "post_events"
    APPROVE = "approve"
    TRIGGER_PACKAGES = "trigger_packages"
    WORKFLOWS = "workflows"
    ERASE = "erase"
    METRICS = "metrics"


class Reach(StrEnum):
    """How far a right reaches: all objects, own or granted ones, none, or none until granted to the person."""

    ALL = "all"
    OWN = "own"
    NEVER = "never"
    GRANTABLE = "grantable"


@dataclass(frozen=True)
class Rule:
    """One row: the reach per role, the toggle it hangs on, and whether it only looks."""

    label: str
    ceo: Reach
    support: Reach
    developer: Reach
    superuser: Reach = Reach.ALL
    toggle: Toggle | None = None
    is_reading: bool = False

    def reach(self, role: Role) -> Reach:
        return {Role.CEO: self.ceo, Role.SUPPORT: self.support, Role.DEVELOPER: self.developer}[role]


_ALL, _OWN, _NO = Reach.ALL, Reach.OWN, Reach.NEVER
_TRIGGERS, _PACKAGES = Toggle.TRIGGER_MANAGEMENT, Toggle.WORKSPACE_EXPORT_IMPORT

TABLE: dict[Operation, Rule] = {
    Operation.POST_WEBHOOK: Rule("Post a webhook (the endpoint's secret decides)", _NO, _NO, _NO, superuser=_NO),
    Operation.VIEW: Rule("View library, workspaces, executions, decisions", _OWN, _ALL, _ALL, is_reading=True),
    Operation.VIEW_RAW: Rule("View raw payloads and agent conversations", _OWN, _ALL, _ALL, is_reading=True),
    Operation.MANAGE_TRIGGERS: Rule("Create, edit, delete, pause triggers", _OWN, _ALL, _ALL, toggle=_TRIGGERS),
    Operation.FIRE: Rule("Fire by hand, replay, cancel", _OWN, _ALL, _ALL, toggle=_TRIGGERS),
    Operation.SET_HIGH_PRIORITY: Rule("Set priority 8 to 10, bypass a cooldown", _NO, _ALL, _ALL, toggle=_TRIGGERS),
    Operation.EDIT_WORKSPACES: Rule("Create, clone, edit workspaces and agent profiles", _OWN, _ALL, _ALL),
    Operation.ACTIVATE_WORKSPACES: Rule("Activate a draft workspace", _OWN, _ALL, _ALL),
    Operation.PACKAGES: Rule("Export and import packages", _OWN, Reach.GRANTABLE, _ALL, toggle=_PACKAGES),
    Operation.GIT: Rule("Git operations", _NO, _NO, _ALL, toggle=Toggle.GIT_WORKFLOWS),
    Operation.DEPLOY_TESTING: Rule("Deploy code to testing", _NO, _ALL, _ALL, toggle=Toggle.CODE_DEPLOYMENT),
    Operation.DEPLOY_PRODUCTION: Rule("Deploy code to production", _NO, _NO, _ALL, toggle=Toggle.CODE_DEPLOYMENT),
    Operation.TRIAGE: Rule(
        "Triage dashboard, dead letters, health detail",
        _NO,
        _ALL,
        _ALL,
        toggle=Toggle.TRIAGE_SERVER_ACCESS,
        is_reading=True,
    ),
    Operation.WAIVE: Rule("Waive a deliverable, answer a stuck agent", _OWN, _ALL, _ALL),
    Operation.MANAGE_CONNECTIONS: Rule("Create connections, replace secrets", _OWN, _ALL, _ALL),
    Operation.SET_LIMITS: Rule("Set global limits, retention, reserved share", _NO, _NO, _ALL),
    Operation.REGISTER_COMMANDS: Rule("Register runtime commands, sandbox and egress rules", _NO, _NO, _ALL),
    Operation.READ_AUDIT: Rule("Read the audit log", _OWN, _ALL, _ALL, is_reading=True),
    Operation.FLIP_TOGGLES: Rule("Flip feature toggles", _NO, _NO, _ALL),
    Operation.MANAGE_PEOPLE: Rule("Users, roles, grants, key rotation", _NO, _NO, _NO),
    Operation.CONTROL_AGENTS: Rule("Stop, message, interrupt, restore an agent", _OWN, _ALL, _ALL),
    Operation.PUBLISH_TRIGGERS: Rule(
        "Publish, test, roll back triggers and their listeners", _OWN, _ALL, _ALL, toggle=_TRIGGERS
    ),
    Operation.POST_EVENTS: Rule("Post events (CloudEvents) with a token of that scope", _NO, _ALL, _ALL),
    Operation.APPROVE: Rule("Approve what waits for one's role", _OWN, _ALL, _ALL),
    Operation.TRIGGER_PACKAGES: Rule("Install, update, roll back trigger packages", _OWN, _ALL, _ALL, toggle=_TRIGGERS),
    Operation.WORKFLOWS: Rule("Define, run, configure workflows and portfolios", _OWN, _ALL, _ALL),
    Operation.ERASE: Rule("Erase or export a person's data", _NO, _NO, _ALL),
    Operation.METRICS: Rule("Read metrics (a token of that scope)", _NO, _ALL, _ALL, is_reading=True),
}
