"""What is masked of a secret: the value itself and its usual encodings, wherever they stand."""

import base64
import json
import string
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.policies.redaction import MASK, SHORTEST, Redactor

SECRET = "s3cr3t/key+with=signs"
SECRETS = st.text(min_size=SHORTEST, max_size=40).filter(lambda text: len(text.strip()) >= SHORTEST)
AROUND = st.text(max_size=30)
BYTES_AROUND = st.binary(max_size=20)


class Receipt(NamedTuple):
    """Hold two values under names."""

    order: str
    key: str


def pieces(text: str, secret: str) -> list[str]:
    """Return what a redactor leaves of a text beside its masks."""
    return Redactor([secret]).text(text).split(MASK)


def test_a_redactor_without_secrets_changes_nothing() -> None:
    """Where nothing was leased, everything is returned as it is, objects included."""
    value = {"text": SECRET, "object": object()}

    assert Redactor([]).value(value) is value
    assert Redactor([""]).text(SECRET) == SECRET


def test_only_what_is_secret_is_masked() -> None:
    """The rest of a text stays readable."""
    text = Redactor([SECRET]).text(f"Authorization: Bearer {SECRET}, order A-1001")

    assert text == f"Authorization: Bearer {MASK}, order A-1001"


@given(secret=SECRETS, text=st.text(alphabet=string.punctuation + "\n\té漢", max_size=60))
def test_a_text_without_the_secret_is_returned_unchanged(secret: str, text: str) -> None:
    """Nothing is masked on suspicion: signs alone hold none of a word's forms."""
    word = f"word{secret}word"

    assert Redactor([word]).text(text) == text


@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_a_secret_in_any_text_is_masked(secret: str, before: str, after: str) -> None:
    """Whatever stands around it, the plain value is gone."""
    assert all(secret not in left for left in pieces(before + secret + after, secret))


@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_a_secret_without_the_white_space_around_it_is_masked(
    secret: str, before: str, after: str
) -> None:
    """Secrets are often stored with a line's end, which a tool strips before it uses them."""
    left = pieces(before + secret.strip() + after, f" {secret}\n")

    assert all(secret.strip() not in piece for piece in left)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json in unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json within json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "a word in a url": lambda text: quote(text, safe=""),
    "a path in a url": quote,
    "a form": quote_plus,
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in upper case": lambda text: text.encode().hex().upper(),
    "a python literal": lambda text: repr(text)[1:-1],
    "a python literal of bytes": lambda text: repr(text.encode())[2:-1],
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_an_encoded_secret_is_masked(
    encode: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    """A tool that echoes its request in another encoding gives nothing away."""
    encoded = encode(secret)
    left = pieces(before + encoded + after, secret)

    assert all(encoded not in piece for piece in left)


def test_a_percent_encoding_in_lower_case_is_masked() -> None:
    """RFC 3986, section 2.1: the hexadecimal digits mean the same in either case."""
    assert pieces("x=s3cr3t%2fkey%2bwith%3dsigns", SECRET) == ["x=", ""]


@pytest.mark.parametrize("altchars", [b"+/", b"-_"], ids=["standard", "url-safe"])
@given(secret=SECRETS, before=BYTES_AROUND, after=BYTES_AROUND)
def test_base64_at_any_alignment_is_masked(
    altchars: bytes, secret: str, before: bytes, after: bytes
) -> None:
    """The characters that hold nothing but secret bits are gone, wherever they began."""
    raw = secret.encode()
    text = base64.b64encode(before + raw + after, altchars).decode()
    start = -(-len(before) * 8 // 6)
    own = text[start : (len(before) + len(raw)) * 8 // 6]
    left = pieces(text, secret)

    assert all(own not in piece for piece in left)


def test_overlapping_secrets_are_masked_as_a_whole() -> None:
    """Masking one must not leave the rest of the other standing."""
    assert Redactor(["abcdef", "defghi"]).text("xabcdefghix") == f"x{MASK}x"
    assert Redactor(["aaaa"]).text("baaaaaab") == f"b{MASK}b"


def test_a_longer_secret_goes_before_the_one_within_it() -> None:
    """No remainder of the longer one is left."""
    assert Redactor(["token", "token-of-desk"]).text("<token-of-desk>") == f"<{MASK}>"


@pytest.mark.parametrize("secret", ["", "k", "key", " k ", "key\n"])
def test_secrets_too_short_to_tell_from_words_are_left_alone(secret: str) -> None:
    """Under `SHORTEST` characters, masking would tear ordinary words apart."""
    assert Redactor([secret]).text("a monkey with a k") == "a monkey with a k"


def test_a_secret_of_the_shortest_length_is_masked() -> None:
    """`SHORTEST` is the first length that is masked."""
    assert Redactor(["k" * SHORTEST]).text("a kkkk") == f"a {MASK}"


def test_every_text_in_a_structure_is_masked() -> None:
    """At any depth, keys included, and the shape stays as it was."""
    redactor = Redactor([SECRET])
    found = redactor.value(
        {
            "list": [SECRET, ("tuple", SECRET)],
            SECRET: {SECRET, "else"},
            "frozen": frozenset({SECRET}),
            "bytes": SECRET.encode(),
            "number": 7,
            "none": None,
        }
    )

    assert found == {
        "list": [MASK, ("tuple", MASK)],
        MASK: {MASK, "else"},
        "frozen": frozenset({MASK}),
        "bytes": MASK.encode(),
        "number": 7,
        "none": None,
    }


def test_a_named_tuple_is_masked_like_a_tuple() -> None:
    """Its own type cannot be made of an iterable."""
    assert Redactor([SECRET]).value(Receipt("A-1", SECRET)) == ("A-1", MASK)


def test_an_object_is_told_as_text_and_masked() -> None:
    """What cannot be looked into is not handed on."""
    assert Redactor([SECRET]).value(ValueError(SECRET)) == MASK


def test_a_number_that_spells_the_secret_is_masked() -> None:
    """A numeric key is one in a number's clothes too."""
    assert Redactor(["12345678"]).value([12345678, 1234567, 1.5]) == [MASK, 1234567, 1.5]


@given(raw=st.binary(max_size=60))
def test_bytes_without_the_secret_stay_as_they_are(raw: bytes) -> None:
    """A picture is not spoilt by looking for secrets in it."""
    assert Redactor([f"word{SECRET}"]).value(raw) == raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(secret=SECRETS, around=JSON)
def test_no_structure_hides_a_secret(secret: str, around: Any) -> None:  # noqa: ANN401 - any JSON
    """Wherever in a JSON value it stands, it is gone."""
    found = Redactor([secret]).value({"before": around, "in": [{"key": secret}]})

    assert found["in"] == [{"key": MASK}]


def test_a_secret_that_is_no_unicode_can_be_looked_for() -> None:
    """JSON can spell a lone surrogate; a redactor must not fail on one after the tool has run."""
    assert pieces("a broken\ud800secret here", "broken\ud800secret") == ["a ", " here"]


LINES: dict[str, str] = {
    "a line's end": "\n",
    "a line's end of Windows": "\r\n",
    "an indented line": "\n    ",
    "a quoted line": " \n> ",
    "a continued line": "\\\n",
    "an escaped line's end": "\\n",
    "an empty line": "\n\n",
}
LONG_SECRETS = st.text(
    alphabet=string.ascii_letters + string.digits + "+/=-_.", min_size=12, max_size=40
)


@pytest.mark.parametrize("end", LINES.values(), ids=LINES.keys())
@pytest.mark.parametrize("encode", ["plain", "base64", "hex"])
@given(secret=LONG_SECRETS, width=st.integers(1, 20), around=st.tuples(AROUND, AROUND))
def test_a_secret_broken_over_lines_is_masked(
    end: str, encode: str, secret: str, width: int, around: tuple[str, str]
) -> None:
    """Mail, PEM and terminals fold what is long, at any place and with any indent."""
    raw = secret.encode()
    forms = {"plain": secret, "base64": base64.b64encode(raw).decode(), "hex": raw.hex()}
    form = forms[encode]
    folded = end.join(form[at : at + width] for at in range(0, len(form), width))
    left = Redactor([secret]).text(f"{around[0]}\t.{folded}.{around[1]}")

    # The last group of base64 holds bits that are not the secret's alone.
    assert form[: len(form) // 4 * 4 - 4 or None] not in left.replace(end, "")
    assert MASK in left


def test_what_is_broken_is_masked_with_its_breaks() -> None:
    """Nothing of it is left, and the lines around it stand as they stood."""
    text = "key:\n  s3cr3t/key\n  +with=signs\nend\n"

    assert Redactor([SECRET]).text(text) == f"key:\n  {MASK}\nend\n"


def test_a_short_secret_is_not_looked_for_across_lines() -> None:
    """The end of one line and the beginning of the next would often spell it."""
    assert Redactor(["then"]).text("the\nnext") == "the\nnext"


SHAPES: dict[str, str] = {
    "Vault": "hvs.CAESIJ1kQ0example0example0example",
    "OpenBao": "s." + "a1B2" * 6,
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "a1B2" * 9,
    "GitLab": "glpat-" + "a1B2" * 6,
    "Slack": "xoxb-1234567890-abcdef",
    "Stripe": "sk_live_" + "a1B2" * 6,
    "OpenAI": "sk-proj-" + "a1B2" * 6,
    "Google": "AIza" + "a1B2c" * 7,
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SHAPES.values(), ids=SHAPES.keys())
def test_a_well_known_shape_is_masked(secret: str) -> None:
    """A system may answer with a secret that nobody leased, such as a new one."""
    assert Redactor([SECRET]).text(f"got {secret} back") == f"got {MASK} back"
    assert Redactor([]).text(f"got {secret} back") == f"got {secret} back"


def test_the_password_of_a_url_is_masked() -> None:
    """Its host stays readable."""
    text = "no route to postgresql://app:p4ss@db.example:5432/orders"

    assert (
        Redactor([SECRET]).text(text) == f"no route to postgresql://{MASK}@db.example:5432/orders"
    )


@pytest.mark.parametrize("text", ["risk-free " * 3, "task_list", "a.b@c.example", "s.t. the end"])
def test_ordinary_words_are_no_shapes(text: str) -> None:
    """What only begins like one stays."""
    assert Redactor([SECRET]).text(text) == text


@pytest.mark.parametrize("filler", [" ", "\n", "> ", "\\n", "a:", "://", "eyJ"])
def test_a_long_text_takes_no_long_time(filler: str) -> None:
    """Nothing in it makes the search start over and over again."""
    text = filler * 20_000
    begun = time.perf_counter()

    assert Redactor([SECRET]).text(text) == text
    assert time.perf_counter() - begun < 2
