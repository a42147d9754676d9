"""Every template compiles, names only icons and files that exist, and obeys the strict content security policy."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string

from dct_site.kernel.statuswords import SOURCE_ICONS, WORDS, source_icon_name, status_word
from dct_site.templatetags import trails, trees

pytestmark = pytest.mark.one_pass

ROOT = Path(settings.BASE_DIR) / "templates"
STATIC = Path(settings.BASE_DIR) / "dct_site" / "static" / "dct"
NAMES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.html"))
SPRITE = set(re.findall(r'<symbol id="i-([a-z0-9-]+)"', (STATIC / "icons.svg").read_text()))


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    get_template(name)
    return (ROOT / name).read_text()


def test_a_template_names_only_icons_of_the_sprite(source: str) -> None:
    named = set(re.findall(r'{% icon "([a-z0-9-]+)"', source)) | set(re.findall(r'\sicon="([a-z0-9-]+)"', source))
    assert named <= SPRITE


def test_a_template_has_no_inline_script_style_or_handler(source: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)


def test_a_template_marks_nothing_safe(source: str) -> None:
    assert not re.search(r"\|safe\b|autoescape off|\|safeseq", source)


def test_a_template_refers_to_static_files_that_exist(source: str) -> None:
    for name in re.findall(r"{% static '([^']+)' %}", source):
        assert finders.find(name), name


def test_a_live_fragment_has_an_id_and_fetches_itself(source: str) -> None:
    for tag in re.findall(r"<[a-z]+[^<]*?data-topic=(?:[^>]|(?<=%)>)*>", source):
        assert 'id="' in tag
        assert "hx-get=" in tag
        # What draws many hours anew may take its time.
        assert re.search(r'hx-trigger="dct:changed( throttle:\d+s)?"', tag)


def test_every_icon_that_code_names_is_in_the_sprite() -> None:
    named = {look.icon for words in WORDS.values() for look in words.values()}
    named |= {*SOURCE_ICONS.values(), source_icon_name(""), status_word("execution", "?").icon}
    named |= {*trails.ICONS.values(), *(icon for _, icon, _ in trees.MARKS.values())}
    assert named <= SPRITE


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_an_error_page_needs_no_context(name: str) -> None:
    html = render_to_string(f"{name}.html")
    assert "<h1" in html
    assert 'href="/"' in html


def test_colours_are_named_in_the_tokens_alone() -> None:
    for sheet in (STATIC / "css").glob("*.css"):
        if sheet.name != "tokens.css":
            assert not re.search(r"#[0-9a-f]{3,8}\b", sheet.read_text()), sheet.name


def test_every_vendored_package_brings_its_licence() -> None:
    for folder in (STATIC / "vendor").iterdir():
        assert (folder / "LICENSE").is_file(), folder.name


def test_every_rule_of_a_sheet_is_closed() -> None:
    for sheet in (STATIC / "css").glob("*.css"):
        text = sheet.read_text()
        assert text.count("{") == text.count("}"), sheet.name
