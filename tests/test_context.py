"""Typed facts: keys, the context on the way down and the metadata on the way up."""

from __future__ import annotations

import pytest

from sagemaker_runtime import Context, Key, Metadata

TENANT = Key[str]("tenant")
SECRET = Key[str]("secret")


def test_two_keys_of_one_name_are_two_facts() -> None:
    """Packages that know nothing of each other must not overwrite each other's facts."""
    other = Key[str]("tenant")
    ctx = Context()

    ctx[TENANT] = "acme"
    ctx[other] = "umbrella"

    assert (ctx[TENANT], ctx[other]) == ("acme", "umbrella")


@pytest.mark.parametrize("facts", [Context, Metadata])
def test_a_missing_fact_is_named_with_those_that_are_there(facts: type[Context | Metadata]) -> None:
    """A middleware that stands outside the one that sets a fact fails here, and wants to know what is set."""
    known = facts()

    with pytest.raises(KeyError, match=f"{facts.__name__} has no 'tenant'; it has nothing"):
        known[TENANT]
    known[SECRET] = "hush"
    with pytest.raises(KeyError, match="no 'tenant'; it has 'secret'"):
        known[TENANT]
    with pytest.raises(KeyError, match="no 'plain text'"):
        known["plain text"]


def test_a_repr_names_the_facts_and_shows_no_value() -> None:
    """A repr ends up in logs, and a value may be a secret."""
    ctx = Context()
    ctx[SECRET] = "hush"

    assert repr(ctx) == "<Context: secret>"
    assert repr(Metadata()) == "<Metadata: empty>"
    assert repr(SECRET) == "Key('secret')"


def test_an_attempt_reads_the_facts_of_the_call_and_writes_only_to_itself() -> None:
    """What one attempt sets, such as its number, must be forgotten when the next one begins."""
    call = Context()
    call[TENANT] = "acme"

    first, second = call.for_attempt(), call.for_attempt()
    first[TENANT] = "first"
    first[SECRET] = "hush"

    assert first[TENANT] == "first"
    assert second[TENANT] == call[TENANT] == "acme"
    assert SECRET not in call
    assert SECRET not in second


def test_an_attempt_of_an_attempt_is_independent_too() -> None:
    """Hedging starts several attempts inside one; each must keep to itself."""
    outer = Context().for_attempt()
    outer[TENANT] = "outer"

    inner = outer.for_attempt()
    inner[TENANT] = "inner"

    assert isinstance(inner, Context)
    assert outer[TENANT] == "outer"


def test_metadata_is_copied_with_its_type() -> None:
    """Whoever keeps the facts of one result must not see those of the next."""
    metadata = Metadata()
    metadata[TENANT] = "acme"

    copy = metadata.copy()
    copy[TENANT] = "other"

    assert isinstance(copy, Metadata)
    assert metadata[TENANT] == "acme"
    assert metadata.get(SECRET) is None
    assert metadata.get(SECRET, "none") == "none"
