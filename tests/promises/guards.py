"""The guards that the promises rest on: each with the check that it holds up, a way to take it out, and what the check
must say then.

A guard that stands behind another is taken out with it, or its check shuts the other's eyes itself.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from agents.models import AgentRun
from tests.promises import (
    attempts,
    bytes_and_time,
    firing,
    intake,
    limits,
    living,
    signatures,
    slots,
    taken_out,
    waiting,
)
from tests.promises import taken_out_of_limits as limits_out
from tests.promises import taken_out_of_living as living_out
from tests.promises import taken_out_of_work as work_out
from tests.promises.keys import without
from triggers.models import Delivery, Firing, ScheduleSlot, SeenChange

Check = Callable[[], None]


@dataclass(frozen=True)
class Guard:
    """``name`` is what the page of the promises calls it; ``out`` takes it out for the length of a block; ``noticed``
    is what the check says without it.
    """

    promise: int
    name: str
    check: Check
    out: Callable[[], AbstractContextManager[object]]
    noticed: str


def also(*outs: Callable[[], AbstractContextManager[object]]) -> Callable[[], AbstractContextManager[object]]:
    """Several at once."""

    def all_of_them() -> AbstractContextManager[object]:
        stack = ExitStack()
        for out in outs:
            stack.enter_context(out())
        return stack

    return all_of_them


def key(model: type, name: str) -> Callable[[], AbstractContextManager[object]]:
    return lambda: without(model, name)


GUARDS = (
    Guard(
        1, "the 202 waits for the commit", intake.an_acknowledged_delivery_is_stored, taken_out.waiting_for_the_commit,
        "acknowledged before it was stored",
    ),
    Guard(
        1, "the door's own connection syncs each commit", intake.a_commit_is_on_the_disk, taken_out.syncing,
        "not on the disk",
    ),
    Guard(
        1, "the signature is verified before anything is stored", intake.only_what_was_signed_is_acknowledged,
        taken_out.verifying, "what nobody signed was answered",
    ),
    Guard(
        1, "a body is counted while it arrives", intake.only_what_fits_is_acknowledged, taken_out.counting_bytes,
        "a body over the limit was answered 202",
    ),
    Guard(
        2, "an error of the database is 503", intake.without_a_database_it_is_503, taken_out.knowing_the_database_away,
        "without a database it was answered 400",
    ),
    Guard(
        2, "delivery and work go in by one transaction", intake.nothing_is_half_written,
        taken_out.the_doors_transaction, "without its work was left behind",
    ),
    Guard(
        3, "unique key `delivery_once`", intake.copies_that_come_together_are_one, key(Delivery, "delivery_once"),
        "copies of one delivery are [0-9]+ rows",
    ),
    Guard(
        3, "keys outlive what is kept of a delivery", intake.a_repeat_is_known_when_all_else_is_forgotten,
        taken_out.keeping_keys, "a repeat was taken for new",
    ),
    Guard(
        4, "a rejected delivery has no key", intake.a_bad_signature_claims_no_key,
        also(taken_out.rejecting_without_a_key, key(Delivery, "rejected_claims_no_key")),
        "a forger's delivery took the key",
    ),
    Guard(
        4, "check `rejected_claims_no_key`", intake.the_database_gives_no_key_to_a_rejected_one,
        key(Delivery, "rejected_claims_no_key"), "stored a rejected delivery with a key",
    ),
    Guard(
        5, "raw bytes are verified", signatures.a_signature_is_over_the_bytes_as_they_came, taken_out.raw_bytes,
        "a signature over other bytes was answered 202",
    ),
    Guard(
        5, "every live secret is compared in constant time", signatures.every_live_secret_is_compared_in_constant_time,
        taken_out.constant_time, "0 were compared in constant time",
    ),
    Guard(
        5, "no secret is no entrance", signatures.without_a_secret_nobody_enters, taken_out.failing_closed,
        "an endpoint without a secret answered",
    ),
    Guard(
        5, "a stamp is at most five minutes off", signatures.a_replay_after_six_minutes_is_refused,
        taken_out.the_age_of_stamps, "a replay after six minutes was answered 202",
    ),
    Guard(
        5, "the stamp is signed with the body", signatures.a_replay_after_six_minutes_is_refused,
        taken_out.signing_stamps, "a stamp that nobody signed was answered 202",
    ),
    Guard(
        5, "an old secret ends", signatures.while_rotating_two_secrets_hold_and_then_one, taken_out.the_end_of_secrets,
        "a day after rotating, the old secret was answered 202",
    ),
    Guard(
        5, "both secrets hold for a day", signatures.while_rotating_two_secrets_hold_and_then_one,
        taken_out.the_old_secrets_day, r"while rotating, the two secrets were answered \[401, 202\]",
    ),
    Guard(
        5, "the commit verifies again where the generation moved",
        signatures.a_revoked_secret_ends_in_the_memory_of_every_door, taken_out.verifying_again,
        "a secret that was revoked was answered 202",
    ),
    Guard(
        5, "a signature is read as bytes", signatures.a_header_of_any_bytes_is_401, taken_out.reading_bytes,
        "was answered 503",
    ),
    Guard(
        6, "deciding is woken, not called", signatures.nothing_is_decided_before_the_answer,
        taken_out.leaving_work_to_others, "decided before it was acknowledged",
    ),
    Guard(
        7, "depth, NUL and surrogates are looked for", bytes_and_time.any_bytes_get_a_4xx_at_the_door,
        taken_out.looking_closer, "at the door, .* was answered (202|503)",
    ),
    Guard(
        7, "numbers are bounded", bytes_and_time.any_bytes_get_a_4xx_at_the_door, taken_out.bounding_numbers,
        "at the door, .* was answered (202|503)",
    ),
    Guard(
        7, "the API reads by the same rules", bytes_and_time.any_bytes_get_a_4xx_at_the_api, taken_out.the_apis_parser,
        "at the API, .* was answered",
    ),
    Guard(
        8, "headers have a time", bytes_and_time.a_header_without_end_is_cut_off, taken_out.the_headers_time,
        "is waited for without end",
    ),
    Guard(
        8, "headers have a size", bytes_and_time.a_header_without_limit_is_cut_off, taken_out.the_headers_size,
        "a header of 80 kB is still read",
    ),
    Guard(
        8, "bodies have a pace, wherever they go", bytes_and_time.a_body_that_loses_its_pace_is_cut_off,
        taken_out.the_bodys_pace, "a body that stops in the middle is waited for",
    ),
    Guard(
        8, "answers have a time to be read", bytes_and_time.an_answer_that_nobody_reads_is_given_up,
        taken_out.the_readers_time, "an answer that nobody reads is kept",
    ),
    Guard(
        8, "pages are made a few at a time", bytes_and_time.pages_are_made_a_few_at_a_time, taken_out.the_gate,
        "100 pages were made at once",
    ),
    Guard(
        8, "web opens as many connections as it may", bytes_and_time.connections_are_as_many_as_the_system_allows,
        taken_out.all_descriptors, "at most 1024 connections",
    ),
    Guard(
        8, "bodies have a time", bytes_and_time.a_body_without_end_is_cut_off_and_gives_its_room_back,
        taken_out.the_bodys_time, "a body that never comes is waited for",
    ),
    Guard(
        8, "bodies that arrive share one room", bytes_and_time.slow_bodies_take_no_more_room_than_there_is,
        taken_out.the_room_for_bodies, "20000 bytes are kept",
    ),
    Guard(
        8, "the rate comes before the signature", bytes_and_time.a_flood_is_turned_away_before_anything_is_computed,
        taken_out.the_rate, "0 were told to slow down",
    ),
    Guard(
        9, "unique key `change_seen_once`", firing.two_reports_of_one_change_fire_once,
        key(SeenChange, "change_seen_once"), "reported twice is 2 runs",
    ),
    Guard(
        9, "a plan looks for what was reported", firing.a_report_of_what_is_known_fires_nothing,
        work_out.looking_for_what_was_reported, "a change that was known was told as",
    ),
    Guard(
        9, "a delivery is claimed by its pending row and has one outcome", firing.a_delivery_is_decided_once,
        work_out.claiming_deliveries, "one delivery is 2 runs",
    ),
    Guard(
        9, "unique key `firing_once`", firing.a_trigger_and_an_event_make_one_firing, key(Firing, "firing_once"),
        "a second firing",
    ),
    Guard(
        10, "a decision is one transaction", firing.a_decider_that_dies_leaves_nothing_or_everything,
        work_out.the_deciders_transaction, "left a part of it",
    ),
    Guard(
        10, "work goes in with what it is about", intake.what_is_accepted_is_work, work_out.adding_work,
        "is nobody's work",
    ),
    Guard(
        10, "a launch is leased, and a lease ends", firing.a_launcher_that_dies_is_followed_by_the_next,
        work_out.the_end_of_leases, "after its launcher died, a run stays starting",
    ),
    Guard(
        10, "every loop sweeps", firing.a_lost_wake_up_is_made_up_for, work_out.sweeping, "a lost wake-up delays",
    ),
    Guard(
        10, "the clock wakes everybody", firing.a_lost_wake_up_is_made_up_for, work_out.the_clocks_pokes,
        "the clock wakes nobody for",
    ),
    Guard(
        11, "unique key `run_one_alive_per_agent`", attempts.an_agent_has_one_live_run,
        key(AgentRun, "run_one_alive_per_agent"), "a second live run",
    ),
    Guard(
        11, "every write holds its run", attempts.a_run_that_was_taken_over_writes_nothing_more, work_out.the_fence,
        "is not told to die",
    ),
    Guard(
        11, "the fence looks at the lease", attempts.a_lease_that_is_over_is_no_lease, work_out.the_fences_lease,
        "whose lease is over went on",
    ),
    Guard(
        11, "a launch holds its epoch", attempts.a_launch_that_was_taken_over_is_refused, work_out.the_launchs_epoch,
        "a launch that was taken over went on",
    ),
    Guard(
        12, "a run is taken over when its lease is over", limits.who_stops_answering_is_followed,
        limits_out.taking_over, "a run that nobody answers for goes on for ever",
    ),
    Guard(
        12, "each sign of life renews the lease", limits.who_answers_is_left_alone, limits_out.renewing_leases,
        "a run that answers lost its lease",
    ),
    Guard(
        12, "the clock looks at deadlines", limits.what_is_past_its_deadline_ends, limits_out.looking_at_deadlines,
        "past its deadline an execution is",
    ),
    Guard(
        13, "attempts are counted", limits.what_always_fails_is_given_up, limits_out.counting_attempts,
        "it was tried 5 times",
    ),
    Guard(
        13, "a pause between attempts grows", limits.what_always_fails_is_given_up, limits_out.pausing_between_attempts,
        "it was tried again after",
    ),
    Guard(
        14, "the table of moves", attempts.what_has_ended_has_ended, work_out.the_table_of_moves,
        "an execution that was .* became",
    ),
    Guard(
        14, "a move is a compare-and-swap", attempts.an_end_that_was_lost_to_another_is_no_end,
        work_out.comparing_before_swapping, "an execution that was cancelled became failed",
    ),
    Guard(
        14, "no table leads out of an end", attempts.nothing_leads_out_of_an_end, work_out.ends_without_exits,
        "lead out of an end",
    ),
    Guard(
        15, "admission asks whose trigger is paused", limits.what_is_paused_starts_nothing,
        limits_out.asking_who_is_held, "a run of a paused trigger was started",
    ),
    Guard(
        16, "slots that are held are counted under the lock", limits.so_many_run_and_not_one_more,
        limits_out.counting_slots, "run at once",
    ),
    Guard(
        17, "ageing is bounded", limits.a_higher_priority_goes_first, limits_out.the_bound_of_ageing,
        "what grew old went before the high class",
    ),
    Guard(
        17, "waiting raises a priority", limits.who_waits_is_not_starved_by_the_next_level, limits_out.ageing,
        "went behind what had just come",
    ),
    Guard(
        17, "the low class has a room of its own", limits.the_reserved_share_is_for_the_high_class,
        limits_out.the_reserved_share, "the low class holds 4 of 3 slots",
    ),
    Guard(
        18, "a commit looks again at who fired", waiting.a_cooldown_holds_whoever_decides,
        work_out.looking_for_who_fired, "2 runs began within one cooldown",
    ),
    Guard(
        18, "a match within the cooldown is put off", waiting.an_event_within_the_cooldown_is_answered_by_the_policy,
        work_out.putting_off, "[23] runs began within one cooldown",
    ),
    Guard(
        19, "a commit looks again at what is under way", waiting.a_full_queue_answers_by_its_policy,
        work_out.looking_at_what_is_under_way, "2 runs wait where 1 may",
    ),
    Guard(
        19, "what an event joins still waits", waiting.an_event_joins_no_run_that_has_begun,
        work_out.looking_at_what_is_under_way, "an event joined a run that had begun",
    ),
    Guard(
        19, "an item's runs have turns", waiting.runs_for_an_item_go_in_turn, work_out.the_turns,
        "3 runs for one item at once",
    ),
    Guard(
        19, "a replacement is one transaction", waiting.a_replacement_is_whole,
        work_out.replacing_in_one_transaction,
        "left a part of it",
    ),
    Guard(
        20, "a slot is claimed by its schedule's mark, its row and its delivery's key", slots.a_slot_comes_once,
        also(limits_out.the_mark_of_a_schedule, key(ScheduleSlot, "slot_once")), "one slot came [23] times",
    ),
    Guard(
        21, "the policy settles what was missed", slots.what_was_missed_goes_by_its_policy,
        limits_out.the_misfire_policy, "what was missed came 5 times",
    ),
    Guard(
        22, "settings are judged before they are saved", slots.what_is_absurd_is_refused, limits_out.judging_schedules,
        "was (saved|not refused)",
    ),
    Guard(
        34, "each hint is asked about by the rule of who may see", living.only_what_one_may_see_is_told,
        living_out.the_rule_of_who_sees, "told of what is not theirs",
    ),
    Guard(
        34, "an open socket is asked about again", living.who_is_signed_out_hears_no_more, living_out.asking_again,
        "signed out went on listening",
    ),
    Guard(
        34, "what is dropped is told as a gap", living.a_gap_is_told, living_out.telling_of_gaps, "was not told",
    ),
    Guard(
        35, "a supervisor lets go of what runs", living.who_is_told_to_end_leaves_nothing_at_work,
        living_out.ending_what_runs, "its agent was left running",
    ),
    Guard(
        35, "a supervisor looks for the end before it claims", living.who_is_told_to_end_begins_nothing,
        living_out.looking_for_the_end_first, "a run began after the end",
    ),
    Guard(
        36, "what is held of a run goes with it", living.what_ran_leaves_nothing_behind, living_out.forgetting_runs,
        "runs left something behind",
    ),
)  # fmt: skip

CHECKS: tuple[Check, ...] = tuple(dict.fromkeys(guard.check for guard in GUARDS))
