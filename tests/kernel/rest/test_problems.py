"""Which exceptions are answers, and which stay errors of ours."""

import sqlite3
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from rest_framework.exceptions import ValidationError

from dct_site.kernel.rest.problems import in_one, problem_of
from tests.factories.accounts import make_user


def raised(kind: type[Exception], cause: BaseException) -> Exception:
    """What Django raises for an error of its driver."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it does not go")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    "error",
    [
        raised(OperationalError, psycopg.OperationalError("connection refused")),
        raised(OperationalError, psycopg.errors.AdminShutdown("the administrator ends it")),
        raised(OperationalError, psycopg.errors.TooManyConnections("no slot is left")),
        raised(InterfaceError, psycopg.InterfaceError("the connection is closed")),
        raised(OperationalError, sqlite_error("SQLITE_BUSY_SNAPSHOT")),
        raised(OperationalError, sqlite_error("SQLITE_FULL")),
    ],
    ids=str,
)
def test_a_database_that_cannot_answer_now_is_a_503_that_says_when_to_try_again(error: Exception) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.code, dict(problem.headers)["Retry-After"]) == (503, "database_gone", "2")


@pytest.mark.parametrize("cause", [sqlite_error("SQLITE_ERROR"), psycopg.errors.DeadlockDetected("two waited")])
def test_a_statement_that_is_wrong_stays_an_error_of_ours(cause: Any) -> None:
    assert problem_of(raised(OperationalError, cause)) is None


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/me/", "/", "/admin/"])
def test_without_a_database_every_door_says_to_try_again(path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(make_user())

    def gone(*_: Any) -> Any:
        raise OperationalError from psycopg.OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(gone):
        answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "The database does not answer." in answer.content.decode()


def test_many_reasons_are_told_as_sentences_and_those_that_follow_are_counted() -> None:
    assert in_one(["One is wrong."]) == "One is wrong."
    assert in_one(["A.", "B.", "C."]) == "A. B. C."
    assert in_one(["A.", "B.", "C.", "D.", "E."]) == "A. B. C. And 2 more."


def test_what_is_wrong_in_a_body_is_told_by_its_places() -> None:
    problem = problem_of(ValidationError({"a": ["Too long."], "b": {"c": ["Too short."]}}))
    assert problem is not None
    assert problem.detail == "a: Too long. b.c: Too short."
