"""What is masked of a secret that is escaped: each library escapes another subset of characters."""

import base64
import html
import json
import string
import time
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.policies.readings import readings
from bailiwick.policies.redaction import MASK, SHORTEST, Redactor

SECRETS = st.text(
    st.characters(exclude_characters="\\", exclude_categories=["Cs"]),
    min_size=SHORTEST,
    max_size=40,
).filter(lambda text: len(text.strip()) >= SHORTEST)
"""Without the sign that HTML leaves as it is and most others read as the beginning of an escape."""

VERBATIM = string.ascii_letters + string.digits + ' .:/?#[]@!$"()*,;=<>{}|^~`-_é漢😀'
"""What begins no escape."""


def escaped(text: str, signs: str, form: str) -> str:
    """Return a text in which some signs, and what is beyond ASCII, stand as their code points."""
    return "".join(
        form.format(ord(sign)) if sign in signs or not sign.isascii() else sign for sign in text
    )


SPELLINGS: dict[str, Callable[[str], str]] = {
    "PHP's JSON": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    ".NET's JSON": lambda text: escaped(json.dumps(text)[1:-1], "+&<>'`", "\\u{:04X}"),
    "encodeURIComponent": lambda text: quote(text, safe="!'()*"),
    "encodeURI": lambda text: quote(text, safe=";,/?:@&=+$-_.!~*'()#"),
    "the path of a URL": lambda text: quote(text, safe="/:@&=+$,"),
    "a URL twice": lambda text: quote(quote(text, safe="")),
    "JSON in a URL": lambda text: quote(json.dumps(text)[1:-1], safe="()"),
    "HTML": html.escape,
    "XML": lambda text: html.escape(text, quote=False),
    "HTML by numbers": lambda text: escaped(html.escape(text), "'\"/=", "&#{:d};"),
    "HTML by numbers in base 16": lambda text: escaped(text, string.punctuation, "&#x{:X};"),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "JavaScript": lambda text: escaped(text, string.punctuation, "\\u{{{:x}}}"),
    "Python": ascii,
    "Python's bytes": lambda text: repr(text.encode()),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()), safe=""),
    "base64 in PHP's JSON": lambda text: (
        base64.b64encode(text.encode()).decode().replace("/", "\\/")
    ),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
@given(secret=SECRETS)
def test_an_ordinary_spelling_is_masked(spell: Callable[[str], str], secret: str) -> None:
    """Whichever characters it escapes, and whatever the secret itself holds that reads as one."""
    left = Redactor([secret]).text(f"key={spell(secret)} .")

    assert left.startswith("key=")
    assert MASK in left


@pytest.mark.parametrize(
    ("held", "told"), [("p\u00e4ss", "pa\u0308ss"), ("pa\u0308ss", "p\u00e4ss")]
)
def test_a_secret_in_another_unicode_form_is_masked(held: str, told: str) -> None:
    """What is written down is composed: passed over before, a secret would be spelled there."""
    assert Redactor([held]).text(f"key={told} .") == f"key={MASK} ."


SECRET = "p@ss w!rd(9)/é"
URLS: dict[str, Callable[[], str]] = {
    "as given": lambda: str(httpx.URL(f"https://shop.example/v1?key={SECRET}")),
    "as a parameter": lambda: str(httpx.URL("https://shop.example/v1", params={"key": SECRET})),
    "in its path": lambda: str(httpx.URL(f"https://shop.example/v1/{SECRET}/x")),
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_a_url_of_httpx_is_masked(url: Callable[[], str]) -> None:
    """It escapes the space and leaves the at; its log lines hold the whole of it."""
    left = Redactor([SECRET]).text(f"HTTP Request: GET {url()} 200")

    assert left.startswith("HTTP Request: GET https://shop.example/v1")
    assert MASK in left
    assert "w!rd" not in left


WAYS: list[Callable[[str], str]] = [
    str,
    lambda sign: f"\\{sign}" if sign in string.punctuation else sign,
    lambda sign: "".join(f"%{byte:02x}" for byte in sign.encode()),
    lambda sign: "".join(f"%{byte:02X}" for byte in sign.encode()),
    lambda sign: "".join(f"\\x{byte:02x}" for byte in sign.encode()),
    lambda sign: json.dumps(sign)[1:-1],
    lambda sign: f"\\U{ord(sign):08x}",
    lambda sign: f"&#{ord(sign)};",
    lambda sign: f"&#X{ord(sign):x};",
    html.escape,
]


@given(
    spelled=st.lists(
        st.tuples(st.sampled_from(VERBATIM), st.sampled_from(WAYS)), min_size=SHORTEST, max_size=20
    ),
    around=st.tuples(st.text(VERBATIM + "\n"), st.text(VERBATIM + "\n")),
)
def test_each_character_may_be_escaped_in_a_way_of_its_own(
    spelled: list[tuple[str, Callable[[str], str]]], around: tuple[str, str]
) -> None:
    """What stands around it stays as it is, to the character."""
    secret = "-" + "".join(sign for sign, _ in spelled) + "-"
    text = "-" + "".join(way(sign) for sign, way in spelled) + "-"

    left = Redactor([secret]).text(f"{around[0]}\t{text}\t{around[1]}")

    assert left == f"{around[0]}\t{MASK}\t{around[1]}"


def test_what_is_escaped_and_broken_over_lines_is_masked() -> None:
    """Also where the line's end is escaped itself."""
    text = "key: s3cr3t%2Fke\n  y%2Bwith=si%0D%0Agns end"

    assert Redactor(["s3cr3t/key+with=signs"]).text(text) == f"key: {MASK} end"


@pytest.mark.parametrize(
    "text", ["", "plain words", "50 % & more", "C:\\", "&;", "&nosuch;", "%zz"]
)
def test_what_is_no_escape_reads_as_it_stands(text: str) -> None:
    """Nothing is made of it."""
    assert {reading.text for reading in readings(text)} == {text}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\\ud83d\\ude00", "😀"),
        ("\\u{1F600}", "😀"),
        ("\\xe9", "é"),
        ("%FF%41", "%FFA"),
        ("%ED%A0%80", "\ufffd\ufffd\ufffd"),
        ("\\x41\\q", "Aq"),
        ("\\t", "\t"),
        ("&#x110000;", "&#x110000;"),
        ("&#128;", "\x80"),
    ],
)
def test_an_escape_reads_as_its_language_says(text: str, said: str) -> None:
    """Bytes that are no UTF-8 are not guessed at, but for what languages write so."""
    assert [reading.text for reading in readings(text)][1] == said


def test_a_short_secret_is_not_looked_for_shorter() -> None:
    """What reads as fewer than `SHORTEST` characters is no form of it."""
    assert Redactor(["%41%42"]).text("AB and %41%42") == f"AB and {MASK}"


@pytest.mark.parametrize(
    "filler", ["%41", "%25", "&amp;", "&a", "\\", "\\\\u0041", "\\xe9", "\\u{"]
)
def test_a_long_text_full_of_escapes_takes_no_long_time(filler: str) -> None:
    """Each is read once at each depth, and nothing in it makes the search start over."""
    text = filler * 20_000
    begun = time.perf_counter()

    assert Redactor([SECRET]).text(text) == text
    assert time.perf_counter() - begun < 2
