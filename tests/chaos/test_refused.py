"""A database that holds something, or that is not there, is not given to a storm."""

import argparse

import pytest
from django.db import connection

from dct_site.command import chaos

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("suffix", "words"), [("", "is not empty"), ("_gone", "_gone"), ("_gone", "look at --database")]
)
def test_it_is_refused_in_words(suffix: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    there = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    assert chaos.main(parser.parse_args(["--database", there + suffix])) == 1
    assert words in capsys.readouterr().out
