"""The policies and calendars a new installation begins with; the figures are the service manuals'."""

from app.sla.actions import Action, AdvanceDue, Notify, Threshold
from app.sla.calendar_spec import ROUND_THE_CLOCK, CalendarSpec, Weekly
from app.sla.policies import Conditions, PolicyBody, TargetSpec

MINUTE, HOUR = 60, 3600
WORKDAY = ["09:00-18:00"]
ALL_DAY = [ROUND_THE_CLOCK]

CALENDARS: tuple[tuple[str, CalendarSpec], ...] = (
    (
        "Round the clock",
        CalendarSpec(
            timezone="UTC",
            weekly=Weekly(mon=ALL_DAY, tue=ALL_DAY, wed=ALL_DAY, thu=ALL_DAY, fri=ALL_DAY, sat=ALL_DAY, sun=ALL_DAY),
        ),
    ),
    (
        "Office hours, Monday to Friday",
        CalendarSpec(timezone="UTC", weekly=Weekly(mon=WORKDAY, tue=WORKDAY, wed=WORKDAY, thu=WORKDAY, fri=WORKDAY)),
    ),
)


def _warn(percent: int, *actions: Action) -> Threshold:
    return Threshold(percent=percent, actions=list(actions))


THRESHOLDS = [
    _warn(50),
    _warn(75, Notify(do="notify", to="owner")),
    _warn(90, Notify(do="notify", to="owner"), AdvanceDue(do="advance_due")),
    Threshold(
        breach=True,
        actions=[
            Notify(do="notify", to="owner"),
            Notify(do="notify", to="lead"),
            AdvanceDue(do="advance_due"),
        ],
    ),
]


def _policy(position: int, conditions: Conditions, **targets: int) -> PolicyBody:
    specs = [TargetSpec.model_validate({"metric": metric, "seconds": seconds}) for metric, seconds in targets.items()]
    return PolicyBody(position=position, conditions=conditions, targets=specs, thresholds=THRESHOLDS)


# The tightest first: an urgent e-mail is promised the hour of what is urgent, not the two hours of e-mail.
POLICIES: tuple[tuple[str, PolicyBody], ...] = (
    ("Phone", _policy(10, Conditions(channels=["voice", "phone"]), queue_wait=20)),
    ("Live chat", _policy(20, Conditions(channels=["chat"]), first_reply=MINUTE)),
    ("Social", _policy(30, Conditions(channels=["social"]), first_reply=30 * MINUTE)),
    (
        "Urgent",
        _policy(40, Conditions(priorities=[7, 8, 9]), first_reply=HOUR, first_resolution=24 * HOUR),
    ),
    ("E-mail", _policy(50, Conditions(channels=["email"]), first_reply=2 * HOUR)),
    (
        "Important",
        _policy(60, Conditions(priorities=[5, 6]), first_reply=4 * HOUR, first_resolution=48 * HOUR),
    ),
    ("Normal", _policy(70, Conditions(priorities=[2, 3, 4]), first_reply=4 * HOUR)),
    ("Not urgent", _policy(80, Conditions(priorities=[0, 1]), first_reply=24 * HOUR)),
)
