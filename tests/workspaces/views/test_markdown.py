"""Markdown of an agent: readable, and never markup, pictures or addresses of its own making."""

import re

import pytest

from workspaces.views.markdown import LONGEST, render

pytestmark = pytest.mark.one_pass


def test_words_lists_tables_and_code_are_drawn() -> None:
    html = render("# What changed\n\n* **one**\n* `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx < y\n```\n")
    assert html is not None
    for part in ("<h3>What changed</h3>", "<strong>one</strong>", "<code>two</code>", "<td>1</td>", "x &lt; y"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://example.org/x.png)",
        "![x](x onerror=alert(1))",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:x)",
        "[x](/executions/1/cancel/)",
        "[x](//example.org)",
        "<javascript:alert(1)>",
        "[x][1]\n\n[1]: javascript:alert(1)",
        "`<b>`</code><script>",
        "- <iframe src=x>",
        "&lt;script&gt; &#60;script&#62;",
        '[a](https://example.org/"onmouseover=alert(1))',
        "<a href='x' onclick='y'>z</a>",
        "<svg/onload=alert(1)>",
    ],
)
def test_nothing_becomes_markup_that_was_not_meant(text: str) -> None:
    html = render(text)
    assert html is not None
    for tag in re.findall(r"<[^>]*>", html):
        assert re.fullmatch(r"</?(p|ul|li|code|a)( href=\"https://[^\"<>]*\" rel=\"[a-z ]+\")?>", tag), (text, tag)


def test_a_link_leads_outside_and_says_nothing_about_where_it_was() -> None:
    html = render("[the pull request](https://example.org/pull/1)")
    assert html is not None
    assert '<a href="https://example.org/pull/1" rel="noopener noreferrer nofollow">the pull request</a>' in html


def test_what_is_too_long_is_left_as_text() -> None:
    assert render("x" * (LONGEST + 1)) is None


@pytest.mark.parametrize("text", ["[" * 5000, "*" * 5000 + "a", "> " * 2000 + "x", "`" * 5000, "| a " * 3000])
def test_made_up_text_takes_no_long_time(text: str) -> None:
    assert render(text) is not None
