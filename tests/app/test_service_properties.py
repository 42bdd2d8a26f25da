"""The HTTP service, asked whatever its own description allows, and much that it does not."""

import os
import zlib
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi

from molar.app.service import Served, build_service
from molar.engine import Recommender

EXAMPLES = int(os.environ.get("MOLAR_EXAMPLES", "20"))  # of each operation, in each mode
CHECKS = [
    checks.not_a_server_error,
    openapi.response_schema_conformance,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
]


@pytest.fixture(scope="module")
def served(bundle: Path) -> Served:
    return Served(bundle, lambda one: Recommender.load(one, "cpu"))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_question_breaks_it(served: Served, mode: GenerationMode) -> None:
    ids = served.recommender.catalog.item_ids
    description = schemathesis.openapi.from_asgi("/openapi.json", build_service(served))
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) >= 8
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not len(operation.body):
            continue  # there is nothing to get wrong: a path takes any text

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            # Texts that nobody has as an id would all be refused for the same reason: half of them become ids.
            if isinstance(case.body, dict) and isinstance(case.body.get("history"), list):
                numbers = [zlib.crc32(repr(one).encode()) for one in case.body["history"]]
                case.body["history"] = [
                    ids[number % len(ids)] if number % 2 else one
                    for number, one in zip(numbers, case.body["history"], strict=True)
                ]
            case.call_and_validate(checks=CHECKS)

        ask()
