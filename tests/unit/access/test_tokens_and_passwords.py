from argon2 import PasswordHasher, extract_parameters

from app.access.passwords import NOBODYS_HASH, STANDARD, hash_password, is_right
from app.access.tokens import API_KEY_PREFIX, SESSION_PREFIX, hash_of, is_api_key, token_of

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def test_a_token_carries_all_its_entropy_and_its_kind() -> None:
    token = token_of(API_KEY_PREFIX, bytes(range(32)))
    assert len(token) == len(API_KEY_PREFIX) + 43
    assert is_api_key(token)
    assert not is_api_key(token_of(SESSION_PREFIX, bytes(32)))
    assert len(hash_of(token)) == 32


def test_only_the_same_password_is_right() -> None:
    password_hash = hash_password("a long sentence", CHEAP)
    assert is_right(password_hash, "a long sentence")
    assert not is_right(password_hash, "a long sentence ")
    assert not is_right("not a hash", "a long sentence")


def test_a_password_is_the_same_however_the_keyboard_composes_it() -> None:
    assert is_right(hash_password("caf\u00e9 caf\u00e9", CHEAP), "cafe\u0301 cafe\u0301")


def test_an_unknown_login_costs_as_much_as_a_known_one() -> None:
    known = extract_parameters(hash_password("x", STANDARD))
    assert extract_parameters(NOBODYS_HASH) == known
    assert (known.memory_cost, known.time_cost, known.parallelism) == (19 * 1024, 2, 1)
