"""Who imports what: a run no Django, and what stays up no pydantic-ai (start, memory)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents.runtimes.llm import PROGRAM, PROJECT

pytestmark = pytest.mark.one_pass

A_RUN = f"""
import json, runpy, sys
runpy.run_path({str(PROGRAM)!r})["without_django"]()
import agents.runtimes.llm.program.run
from agents.runtimes.llm.program.access import model_of
model_of({{"api": "openai_chat", "base_url": "http://127.0.0.1:1", "model": "x", "key": "k"}})
tops = {{name.partition(".")[0] for name in sys.modules}}
print(json.dumps(sorted(tops | {{"dct_site.settings"}} & set(sys.modules))))
"""
EVERYTHING = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
import dct_site.asgi, dct_site.urls, agents.supervisor
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported(code: str, *flags: str) -> set[str]:
    program = [sys.executable, *flags, "-c", code]
    done = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_run_imports_no_django_and_no_settings() -> None:
    found = imported(A_RUN, "-I")
    assert {"pydantic_ai", "openai", "agents", "workspaces"} <= found
    assert not found & {"django", "rest_framework", "channels", "celery", "dct_site.settings"}


def test_web_and_engine_import_neither_pydantic_ai_nor_what_comes_with_it() -> None:
    found = imported(EVERYTHING)
    assert {"django", "agents"} <= found
    assert not found & {"pydantic_ai", "pydantic", "anthropic", "openai"}


def test_the_program_is_where_the_runtime_says() -> None:
    assert PROGRAM.is_file()
    assert Path(PROJECT, "manage.py").is_file()
