"""The scripts of MOCK: how a client order id says what happens to its order.

    script = "mock" 1*( "." step ) [ "#" anything ]       step = name *( ":" argument )

`mock.partial:3:500#42` fills in three parts, half a second apart; `#42` only makes the id unique. A script has at most
one step of each `Group`. An id that starts with `mock` and is no valid script is malformed, and the order is refused.
If a typing error were ignored, a client's test could pass without testing anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cadenza.adapters.venues.mock.spec import CANCELS_REFUSED_MAX, DELAY_MS_MAX, PARTS_MAX
from cadenza.domain.trading.enums import RejectReason

PREFIX = "mock"
STEP_MARK = "."
SUFFIX_MARK = "#"
_ARGUMENT_MARK = ":"


class MalformedScript(ValueError):
    """The text should be a script but is not valid; the message says where."""


class Group(StrEnum):
    """What a step changes: how the request arrives, how the reply is delivered, what happens to the open order, or what
    happens to its cancel."""

    ARRIVAL = "ARRIVAL"
    REPLY = "REPLY"
    COURSE = "COURSE"
    CANCEL = "CANCEL"


class StepName(StrEnum):
    REJECT = "reject"
    RATE_LIMITED = "rate-limited"
    NEVER_ARRIVES = "never-arrives"
    ACK_DELAY = "ack-delay"
    ACK_LOST = "ack-lost"
    FILL_BEFORE_ACK = "fill-before-ack"
    DUPLICATE_FILL = "duplicate-fill"
    REST = "rest"
    FILL = "fill"
    PARTIAL = "partial"
    EXPIRE = "expire"
    VENUE_CANCEL = "venue-cancel"
    CANCEL_REFUSED = "cancel-refused"
    CANCEL_SLOW = "cancel-slow"
    CANCEL_TOO_LATE = "cancel-too-late"
    LATE_FILL = "late-fill"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `count` and `delay_ms` are 0 for steps that do not use them."""

    name: StepName
    count: int = 0
    delay_ms: int = 0
    reason: RejectReason | None = None


@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of a step: its label, its default (None: it is required), its reader, and its field in `Step`."""

    label: str
    default: str | None
    read: Callable[[str, str], int | RejectReason]
    target: str


def _number(minimum: int, maximum: int) -> Callable[[str, str], int]:
    def read(label: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum))):
            raise MalformedScript(f"{label} must be a whole number, not {text!r}")
        if not minimum <= int(text) <= maximum:
            raise MalformedScript(f"{label} must be between {minimum} and {maximum}, not {text}")
        return int(text)

    return read


SCRIPTED_REASONS = tuple(reason for reason in RejectReason if reason is not RejectReason.DUPLICATE_SENT_ID)
"""The reasons of `reject`. A refusal as duplicate proves nothing about an order, so it is no refusal."""


def _reason(label: str, text: str) -> RejectReason:
    if text not in SCRIPTED_REASONS:
        raise MalformedScript(f"{label} must be one of {', '.join(SCRIPTED_REASONS)}, not {text!r}")
    return RejectReason(text)


_DELAY = _number(0, DELAY_MS_MAX)
_REASON = _Argument("REASON", None, _reason, "reason")
_MS = _Argument("MS", None, _DELAY, "delay_ms")
_MS_OR_NOW = _Argument("MS", "0", _DELAY, "delay_ms")
_PARTS = _Argument("N", None, _number(1, PARTS_MAX), "count")
_TIMES = _Argument("TIMES", "1", _number(1, CANCELS_REFUSED_MAX), "count")

STEPS: Mapping[StepName, tuple[Group, tuple[_Argument, ...]]] = {
    StepName.REJECT: (Group.ARRIVAL, (_REASON,)),
    StepName.RATE_LIMITED: (Group.ARRIVAL, ()),
    StepName.NEVER_ARRIVES: (Group.ARRIVAL, ()),
    StepName.ACK_DELAY: (Group.REPLY, (_MS,)),
    StepName.ACK_LOST: (Group.REPLY, ()),
    StepName.FILL_BEFORE_ACK: (Group.REPLY, ()),
    StepName.DUPLICATE_FILL: (Group.REPLY, ()),
    StepName.REST: (Group.COURSE, ()),
    StepName.FILL: (Group.COURSE, (_MS_OR_NOW,)),
    StepName.PARTIAL: (Group.COURSE, (_PARTS, _MS_OR_NOW)),
    StepName.EXPIRE: (Group.COURSE, (_MS,)),
    StepName.VENUE_CANCEL: (Group.COURSE, (_MS,)),
    StepName.CANCEL_REFUSED: (Group.CANCEL, (_TIMES,)),
    StepName.CANCEL_SLOW: (Group.CANCEL, (_MS,)),
    StepName.CANCEL_TOO_LATE: (Group.CANCEL, ()),
    StepName.LATE_FILL: (Group.CANCEL, (_MS_OR_NOW,)),
}
"""Every step with its group and its arguments in order."""

_REPORTED_WITH_A_FILL = (StepName.FILL_BEFORE_ACK, StepName.DUPLICATE_FILL)


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script: at most one step of each group. Without a COURSE step the order behaves as without a script,
    with two exceptions: with a CANCEL step it rests, and with a REPLY step about a fill it is filled."""

    steps: Mapping[Group, Step] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Script":
        """Parse a script. Raises `MalformedScript` for anything else."""
        head, *parts = text.split(SUFFIX_MARK, 1)[0].split(STEP_MARK)
        if head != PREFIX or not parts:
            raise MalformedScript(
                f"a script is {PREFIX!r}, then steps such as '.reject:RATE_LIMITED', then '#anything'"
            )
        steps: dict[Group, Step] = {}
        for part in parts:
            group, step = _read_step(part)
            if group in steps:
                raise MalformedScript(f"{steps[group].name} and {step.name} exclude each other")
            steps[group] = step
        if Group.ARRIVAL in steps and len(steps) > 1:
            raise MalformedScript(f"nothing else can happen to an order with {steps[Group.ARRIVAL].name}")
        return cls(_with_course(steps))

    def step(self, group: Group) -> Step | None:
        return self.steps.get(group)


def _read_step(text: str) -> tuple[Group, Step]:
    name_text, *given = text.split(_ARGUMENT_MARK)
    if name_text not in set(StepName):
        raise MalformedScript(f"there is no step {name_text!r}")
    name = StepName(name_text)
    group, arguments = STEPS[name]
    if len(given) > len(arguments):
        raise MalformedScript(f"{name} takes no more than {len(arguments)} arguments")
    fields: dict[str, int | RejectReason] = {}
    for index, argument in enumerate(arguments):
        value = given[index] if index < len(given) else argument.default
        if value is None:
            raise MalformedScript(f"{name} needs its {argument.label}, as in '{name}:{argument.label}'")
        fields[argument.target] = argument.read(f"the {argument.label} of {name}", value)
    return group, Step(name, **fields)  # type: ignore[arg-type]  # each argument names the field it is made for


def _with_course(steps: dict[Group, Step]) -> dict[Group, Step]:
    reply, course = steps.get(Group.REPLY), steps.get(Group.COURSE)
    if reply is not None and reply.name in _REPORTED_WITH_A_FILL:
        course = course or Step(StepName.FILL)
        fills_at_once = course.name is StepName.PARTIAL or course == Step(StepName.FILL)
        if not fills_at_once:
            raise MalformedScript(f"{reply.name} needs a fill at once, which {course.name} is not")
        return {**steps, Group.COURSE: course}
    if course is None and Group.CANCEL in steps:
        return {**steps, Group.COURSE: Step(StepName.REST)}
    return steps


def script_of(client_order_id: str | None) -> str | None:
    """Return the script in a client order id, even a malformed one; None when there is none."""
    if client_order_id is None or not client_order_id.casefold().startswith(PREFIX):
        return None
    return client_order_id.split(SUFFIX_MARK, 1)[0]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a script that the order itself does not show: how many cancels were refused, and when a cancel
    that has begun takes effect."""

    cancels_refused: int = 0
    cancel_at_ms: int | None = None


def read_stored(text: str) -> tuple[Script, Progress]:
    """Parse what `store` wrote, or a script without progress."""
    script, *rest = text.split(" ")
    if not rest:
        return Script.read(script), Progress()
    refused, cancel_at = rest
    return Script.read(script), Progress(int(refused), None if cancel_at == "-" else int(cancel_at))


def store(text: str, progress: Progress) -> str:
    """Return the text to store. `text` is what was stored before; the script in it never changes."""
    script = text.split(" ", 1)[0]
    return f"{script} {progress.cancels_refused} {'-' if progress.cancel_at_ms is None else progress.cancel_at_ms}"
