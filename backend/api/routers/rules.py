"""Rules, mutes and arming."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response

from backend.api.deps import RulebookDep
from backend.api.edits import CHANGED_RESPONSE, EditLockDep, IfMatch, tagged
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import UNDERWAY_RESPONSE, IdempotentRoute
from backend.api.paging import PagingDep
from backend.domain.errors import InvalidField
from backend.domain.rule import Mute, Period, Rule
from backend.notifications.rulebook import Rulebook, WrittenRule
from backend.schemas.rules import (
    DAYS,
    Arming,
    MuteList,
    MuteRemoved,
    MuteReply,
    MuteRequest,
    PeriodEntry,
    RuleList,
    RuleRemoved,
    RuleReply,
    RuleRequest,
)
from backend.storage.ids import new_id

router = APIRouter(tags=["rules"], route_class=IdempotentRoute, responses=COMMON_RESPONSES | UNDERWAY_RESPONSE)


@router.get("/rules")
def list_rules(rulebook: RulebookDep, paging: PagingDep) -> RuleList:
    """List every rule with its sentence, those that come with a camera first."""
    rules = rulebook.rules()
    page, cursor = paging.page(rules, lambda written: ("0" if written.of_camera else "1", written.rule.rule_id))
    return RuleList(rules=[_rule_reply(written) for written in page], total=len(rules), next_cursor=cursor)


@router.get("/rules/{rule_id}")
def show_rule(rulebook: RulebookDep, response: Response, rule_id: str) -> RuleReply:
    """Answer a rule with its sentence."""
    reply = _rule_reply(rulebook.rule(rule_id))
    tagged(response, reply)
    return reply


@router.post("/rules")
def add_rule(rulebook: RulebookDep, rule: RuleRequest) -> RuleReply:
    """Tell channels of sightings: who, where, when."""
    return _rule_reply(rulebook.add(_rule(new_id(), rule)))


@router.put("/rules/{rule_id}", responses=CHANGED_RESPONSE)
def change_rule(
    rulebook: RulebookDep,
    edits: EditLockDep,
    response: Response,
    rule_id: str,
    rule: RuleRequest,
    if_match: IfMatch = None,
) -> RuleReply:
    """Replace a rule; one that comes with a camera is changed with the camera."""
    with edits.held(if_match, lambda: _rule_reply(rulebook.rule(rule_id))):
        reply = _rule_reply(rulebook.change(_rule(rule_id, rule)))
    tagged(response, reply)
    return reply


@router.delete("/rules/{rule_id}")
def remove_rule(rulebook: RulebookDep, rule_id: str) -> RuleRemoved:
    """Remove a rule."""
    rulebook.remove(rule_id)
    return RuleRemoved(rule_id=rule_id)


@router.get("/mutes")
def list_mutes(rulebook: RulebookDep, paging: PagingDep) -> MuteList:
    """List what is muted now, the oldest first."""
    mutes = rulebook.mutes()
    page, cursor = paging.page(mutes, lambda mute: (mute.mute_id,))
    return MuteList(mutes=[_mute_reply(mute) for mute in page], total=len(mutes), next_cursor=cursor)


@router.post("/mutes")
def mute(rulebook: RulebookDep, request: MuteRequest) -> MuteReply:
    """Be silent until a time about a rule, a camera, a person, or several of these together."""
    if request.until <= datetime.now(UTC):
        raise InvalidField("until", "The time is past.")
    wanted = Mute(new_id(), request.until, request.rule_id, request.camera_id, request.person_id)
    rulebook.mute(wanted)
    return _mute_reply(wanted)


@router.delete("/mutes/{mute_id}")
def unmute(rulebook: RulebookDep, mute_id: str) -> MuteRemoved:
    """End a mute before its time."""
    rulebook.unmute(mute_id)
    return MuteRemoved(mute_id=mute_id)


@router.get("/arming")
def arming(rulebook: RulebookDep) -> Arming:
    """Answer whether the rules that count only while armed do count."""
    return Arming(armed=rulebook.is_armed())


@router.put("/arming")
def arm(rulebook: RulebookDep, wanted: Arming) -> Arming:
    """Arm or disarm."""
    rulebook.arm(armed=wanted.armed)
    return _armed(rulebook)


def _armed(rulebook: Rulebook) -> Arming:
    return Arming(armed=rulebook.is_armed())


def _rule(rule_id: str, request: RuleRequest) -> Rule:
    return Rule(
        rule_id=rule_id,
        name=request.name,
        who=request.who,
        subject=request.subject,
        camera_id=request.camera_id,
        channel_ids=tuple(request.channel_ids),
        hours=tuple(map(_period, request.hours)),
        quiet_hours=tuple(map(_period, request.quiet_hours)),
        armed_only=request.armed_only,
        threshold=request.threshold,
        cooldown_seconds=request.cooldown_seconds,
        enabled=request.enabled,
    )


def _period(entry: PeriodEntry) -> Period:
    days = frozenset(DAYS.index(day) for day in entry.days)
    return Period(days, entry.begins.replace(tzinfo=None), entry.ends.replace(tzinfo=None))


def _period_entry(period: Period) -> PeriodEntry:
    return PeriodEntry(days=[DAYS[day] for day in sorted(period.days)], begins=period.begins, ends=period.ends)


def _rule_reply(written: WrittenRule) -> RuleReply:
    rule = written.rule
    return RuleReply(
        rule_id=rule.rule_id,
        name=rule.name,
        who=rule.who,
        subject=rule.subject,
        camera_id=rule.camera_id,
        channel_ids=list(rule.channel_ids),
        hours=[_period_entry(period) for period in rule.hours],
        quiet_hours=[_period_entry(period) for period in rule.quiet_hours],
        armed_only=rule.armed_only,
        threshold=rule.threshold,
        cooldown_seconds=rule.cooldown_seconds,
        enabled=rule.enabled,
        sentence=written.sentence,
        of_camera=written.of_camera,
    )


def _mute_reply(mute: Mute) -> MuteReply:
    return MuteReply(
        mute_id=mute.mute_id,
        until=mute.until,
        rule_id=mute.rule_id,
        camera_id=mute.camera_id,
        person_id=mute.person_id,
        stranger=mute.look is not None,
    )
