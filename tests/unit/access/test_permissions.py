from hypothesis import given
from hypothesis import strategies as st

from app.access.permissions import PERSONAL_SCOPES, ROLE_SCOPES, SCOPES, scopes_beyond

SCOPE_SETS = st.sets(st.sampled_from(sorted(SCOPES)))


def test_each_role_holds_what_the_one_below_holds() -> None:
    assert ROLE_SCOPES["agent"] < ROLE_SCOPES["supervisor"] < ROLE_SCOPES["admin"] == SCOPES


def test_only_admins_change_who_may_do_what() -> None:
    assert [role for role, scopes in ROLE_SCOPES.items() if "access:write" in scopes] == ["admin"]


@given(SCOPE_SETS, SCOPE_SETS)
def test_nobody_gives_more_than_they_hold(held: set[str], wanted: set[str]) -> None:
    assert (not scopes_beyond(held, wanted)) == (wanted - PERSONAL_SCOPES <= held)
