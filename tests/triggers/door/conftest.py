"""What the tests of the door share."""

from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections


@pytest.fixture
async def tidy() -> AsyncIterator[None]:
    """Gives back the session of the thread that the ORM's asynchronous calls run in; PostgreSQL drops no database
    under one.
    """
    yield
    await sync_to_async(connections.close_all)()
