"""Cases of a runbook share one isolated copy of its code: what it may not ask is refused to each of them, at any time."""

import asyncio
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.api.common.v1 import Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox._runner import _fake_info
from temporalio.workflow import _Definition

from tests.workflows import careless
from tests.workflows.careless import Careless
from workflows.blocks.sandbox import sandboxed_runner


async def a_case(meanwhile: Callable[[], object] = lambda: None) -> WorkflowInstance:
    converter = pydantic_data_converter
    details = WorkflowInstanceDetails(
        payload_converter_factory=converter.payload_converter_class,
        failure_converter_class=converter.failure_converter_class,
        interceptor_classes=[],
        defn=_Definition.must_from_class(Careless),
        info=dataclasses.replace(_fake_info, workflow_type="careless"),
        randomness_seed=1,
        extern_functions={"meanwhile": meanwhile},
        disable_eager_activity_execution=False,
        worker_level_failure_exception_types=[],
        patch_activation_callback=None,
        last_completion_result=Payloads(),
        last_failure=Failure(),
    )
    return sandboxed_runner().create_instance(details)


def asked(case: WorkflowInstance, asks: str) -> WorkflowActivationCompletion:
    activation = WorkflowActivation(run_id="a-run")
    activation.timestamp.GetCurrentTime()
    begin = activation.jobs.add().initialize_workflow
    begin.workflow_type = "careless"
    begin.arguments.extend(pydantic_data_converter.payload_converter.to_payloads([asks]))
    with ThreadPoolExecutor(1) as worker:  # as a worker does; its own thread has a loop that runs
        return worker.submit(case.activate, activation).result()


def answered(completion: WorkflowActivationCompletion) -> str:
    payload = completion.successful.commands[0].complete_workflow_execution.result
    return str(pydantic_data_converter.payload_converter.from_payload(payload))


@pytest.mark.parametrize("asks", ["the clock", "the day", "chance", "a new id", "a file"])
async def test_a_runbook_that_asks_what_a_replay_would_not_answer_again_is_stopped(asks: str) -> None:
    case = await a_case()

    completion = asked(case, asks)

    assert "Cannot access" in completion.failed.failure.message


async def test_a_case_that_begins_meanwhile_opens_no_door_for_one_that_is_at_work() -> None:
    def another_begins() -> None:
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(lambda: asyncio.run(a_case())).result()

    case = await a_case(another_begins)

    completion = asked(case, "the clock, a little later")

    assert "Cannot access" in completion.failed.failure.message


async def test_the_cases_of_a_runbook_run_in_one_copy_of_its_code_that_is_not_the_worker_s() -> None:
    first, second = await a_case(), await a_case()

    copies = {answered(asked(case, "copy")) for case in (first, second)}

    assert len(copies) == 1
    assert copies != {str(id(careless.COPY))}
