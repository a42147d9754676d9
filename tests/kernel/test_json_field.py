"""JSON that a person writes into a form: whatever it is, it is taken or refused in words, and drawn again."""

from typing import Any

import pytest
from django import forms

from dct_site.kernel.json_field import JsonField


class _Form(forms.Form):
    document = JsonField()


def form_of(text: str) -> Any:
    return _Form({"document": text})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 50_000 + "]" * 50_000, "nested"),
        ('{"name": "\\ud800"}', "half of a surrogate pair"),
        ('{"name": "\\u0000"}', "NUL"),
        ('{"n": 1e999}', "too large for a computer"),
        ('{"n": NaN}', "not a JSON number"),
        ('{"a": 1,\n "b" 2}', "This is not JSON: Expecting ':' delimiter at line 2, column 6."),
        ("", "This field is required."),
    ],
    ids=["deep", "surrogate", "nul", "1e999", "nan", "comma", "empty"],
)
def test_what_cannot_be_taken_is_refused_in_words_and_drawn_again_as_it_was_written(text: str, words: str) -> None:
    form = form_of(text)
    assert not form.is_valid()
    assert words in form.errors["document"][0]
    # The first characters do: the page must be drawn, and encoded.
    assert text[:9].encode() in form["document"].as_widget().replace("&quot;", '"').encode()


def test_what_is_taken_is_shown_with_a_line_for_each_key() -> None:
    form = form_of('{"a": {"b": [1]}}')
    assert form.is_valid()
    assert form.cleaned_data == {"document": {"a": {"b": [1]}}}
    assert "{\n  &quot;a&quot;: {\n" in form["document"].as_widget()
    assert "\n  &quot;kept&quot;: 1\n" in _Form(initial={"document": {"kept": 1}})["document"].as_widget()


def test_a_field_that_is_off_keeps_what_it_has() -> None:
    form = form_of("[")
    form.fields["document"].disabled = True
    form.initial = {"document": {"kept": 1}}
    assert form.is_valid()
    assert "kept" in form["document"].as_widget()
    assert form.cleaned_data == {"document": {"kept": 1}}
