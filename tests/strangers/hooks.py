"""What schemathesis is told about Switchboard, in its own process: existing ids, and promises it cannot know."""

import atexit
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import schemathesis
from requests import PreparedRequest
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.generation.meta import TestPhase

from tests.contract.public_operations import PUBLIC

SCENE = json.loads(os.environ["STRANGERS_SCENE"])
"""{"ids": {parameter: [id that exists]}, "own": [id the run needs], "role": who asks, "seed": number}"""
IDS: Mapping[str, list[str]] = SCENE["ids"]
WORDS = {"signed", "key", "code", "cause_code", "token"}
"""What is known by a word and not by an id."""
VERSION = r'"?[0-9]{1,9}"?'
NOT_FOR_SCHEMAS = ("Value error", "Input should be a valid integer")
"""How messages begin that are about rules between fields, or 3.0 in place of 3."""
places = random.Random(SCENE["seed"])
answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
"""By operation: how often each status was its answer."""
atexit.register(lambda: Path("answers.json").write_text(json.dumps(answers)))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """From an address of its own, or the throttles would hide what lies behind them; half the time about things
    that exist, or nearly every answer would be 404. What was linked from one answer to the next stays as it is.
    """
    asked = (SCENE["seed"], case.operation.label, case.path_parameters, case.query, case.body)
    dice = random.Random(repr(asked))  # the same case again is changed the same way
    knows = dice.random() < 0.5
    # Upon the request itself: a header of the case's own would count as one that makes the case right, and the
    # credentials it was to go without would be sent along.
    kwargs["auth"] = partial(_from_anywhere, knows=knows)
    if knows and not (case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL):
        case.path_parameters.update(_known(case, case.path_parameters, dice))
        case.query.update(_known(case, case.query, dice))
        if isinstance(case.body, dict):
            case.body.update(_known(case, case.body, dice))
    for name, value in case.path_parameters.items():
        if value in SCENE["own"] and name in IDS:  # links lead there from lists
            case.path_parameters[name] = IDS[name][0]


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    answers[case.operation.label][response.status_code] += 1


def _from_anywhere(request: PreparedRequest, *, knows: bool) -> PreparedRequest:
    """Without a version that was made up, if the thing is known: it has another."""
    if knows and re.fullmatch(VERSION, request.headers.get("If-Match", "")):
        del request.headers["If-Match"]
    request.headers["X-Forwarded-For"] = (
        f"10.{places.randrange(256)}.{places.randrange(256)}.{places.randrange(1, 255)}"
    )
    return request


def _known(case: Case, given: Mapping[str, Any], dice: random.Random) -> dict[str, str]:
    """Ids that exist in place of ids that do not. What is no id stays, being the point of it."""
    known = IDS | {"account_id": IDS["channel_account_id"]} if "/channel-accounts/" in case.path else IDS
    return {
        name: dice.choice(known[name])
        for name, value in given.items()
        if name in known and _is_id(value) != (name in WORDS) and isinstance(value, str)
    }


def _is_id(value: Any) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False


@schemathesis.check
def strangers_get_401(context: CheckContext, response: Response, case: Case) -> None:
    """Without credentials nothing is told, but that an address, or a method of it, is none of ours."""
    shows = {name.lower() for name in case.headers} & {"authorization", "cookie"} or case.cookies
    key = (case.operation.method.lower(), case.operation.path)
    if SCENE["role"] == "stranger" and key not in PUBLIC and not shows:
        assert response.status_code in (401, 404, 405, 413, 431), f"a stranger got {response.status_code}"


@schemathesis.check
def the_schema_tells_all_that_is_checked(context: CheckContext, response: Response, case: Case) -> None:
    """What fits the schema may break a rule (a code of its own) or a rule between fields, never a type or range."""
    fits = case.meta is not None and case.meta.generation.mode.is_positive
    if fits and response.status_code == 422 and response.json().get("code") == "invalid_input":
        plain = [each for each in response.json()["errors"] if not each["message"].startswith(NOT_FOR_SCHEMAS)]
        assert not plain, f"the schema does not say: {plain}"


@schemathesis.check
def errors_are_problems(context: CheckContext, response: Response, case: Case) -> None:
    if response.status_code >= 400 and case.operation.method.lower() != "head":
        assert response.headers["content-type"] == ["application/problem+json"], response.headers["content-type"]
        problem = response.json()
        assert problem["status"] == response.status_code
        assert len(problem["detail"]) > 5
        assert problem["request_id"] == response.headers["x-request-id"][0]
