"""The embedded AWS's Athena and Step Functions, as boto3 and a state machine use them."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import pytest

from simulator.aws.embedded_aws import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_T = TypeVar("_T")

_BUCKET: Final = "made-up-moves"
_DATABASE: Final = "moves"
_OUT: Final = f"s3://{_BUCKET}/answers/"
_LIMIT_SECONDS: Final = 60
_DAY: Final = "2026-03-05"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_KEYS: Final[Any] = [{"Name": "dt", "Type": "string"}]


def _storage(library: str, folder: str, *columns: str) -> Any:
    return {
        "Columns": [{"Name": column, "Type": "string"} for column in columns],
        "Location": f"s3://{_BUCKET}/{folder}/",
        "SerdeInfo": {"SerializationLibrary": library},
    }


_JSON: Final = _storage("org.apache.hive.hcatalog.data.JsonSerDe", "moves", "id", "at", "never")
_PARQUET: Final = _storage(
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", "kept", "id", "at"
)
_PROJECTION: Final = {
    "projection.enabled": "true",
    "projection.dt.type": "date",
    "projection.dt.format": "yyyy-MM-dd",
    "projection.dt.range": "2026-03-01,2026-03-31",
    "storage.location.template": f"s3://{_BUCKET}/moves/dt=${{dt}}/",
}


@dataclass
class Answer:
    """What a query gave: its rows as texts, the header left out, and its description."""

    rows: list[list[str | None]]
    execution: Mapping[str, Any]


@dataclass
class Moves:
    """A database with a table of lines and one of kept rows, in an embedded AWS."""

    aws: EmbeddedAws
    bytes_of_day: int = 0

    def ask(self, sql: str, *parameters: str) -> Answer:
        """Run a query through Athena's API, and give its answer; none if it failed."""
        athena = self.aws.client("athena")
        more: dict[Literal["ExecutionParameters"], list[str]] = (
            {"ExecutionParameters": list(parameters)} if parameters else {}
        )
        query_id = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": _DATABASE},
            ResultConfiguration={"OutputLocation": _OUT},
            **more,  # type: ignore[arg-type] # mypy takes it for all the other arguments
        )["QueryExecutionId"]

        def ended() -> Mapping[str, Any] | None:
            described = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            is_running = described["Status"]["State"] in {"QUEUED", "RUNNING"}
            return None if is_running else described

        execution = _wait_for(ended)
        if execution["Status"]["State"] != "SUCCEEDED":
            return Answer([], execution)
        answered = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        rows = [[field.get("VarCharValue") for field in row["Data"]] for row in answered]
        return Answer(rows[1:], execution)

    def run(self, states: Mapping[str, Any], given: Any = None) -> Mapping[str, Any]:
        """Run a state machine in JSONata whose first state is A, and describe its execution."""
        client = self.aws.client("stepfunctions")
        machine = client.create_state_machine(
            name=f"machine-{time.monotonic_ns()}",
            definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "A", "States": states}),
            roleArn="arn:aws:iam::000000000000:role/machine",
        )["stateMachineArn"]
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))[
            "executionArn"
        ]

        def ended() -> Mapping[str, Any] | None:
            described = client.describe_execution(executionArn=arn)
            return None if described["status"] == "RUNNING" else described

        return _wait_for(ended)


def _wait_for(found: Callable[[], _T | None]) -> _T:
    end = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < end:
        if (it := found()) is not None:
            return it
        time.sleep(0.05)
    raise TimeoutError(f"it didn't end within {_LIMIT_SECONDS} seconds")


@pytest.fixture(scope="module")
def moves() -> Iterator[Moves]:
    """A bucket with one object of a day in the projection's range, one of a day outside of it."""
    with EmbeddedAws() as aws:
        made = Moves(aws)
        s3, glue = aws.client("s3"), aws.client("glue")
        s3.create_bucket(
            Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
        )
        for dt in (_DAY, "2026-04-01"):
            lines = (json.dumps({"id": i, "at": f"{dt}T00:00:00.5Z"}) + "\n" for i in "ab")
            body = gzip.compress("".join(lines).encode())
            s3.put_object(Bucket=_BUCKET, Key=f"moves/dt={dt}/one.ndjson.gz", Body=body)
            made.bytes_of_day = len(body)
        aws.client("iam").create_role(
            RoleName="machine", AssumeRolePolicyDocument=json.dumps(_TRUST)
        )
        glue.create_database(DatabaseInput={"Name": _DATABASE})
        for name, storage, parameters in (
            ("moves", _JSON, _PROJECTION),
            ("kept", _PARQUET, {"classification": "parquet"}),
        ):
            glue.create_table(
                DatabaseName=_DATABASE,
                TableInput={
                    "Name": name,
                    "TableType": "EXTERNAL_TABLE",
                    "Parameters": parameters,
                    "PartitionKeys": _KEYS,
                    "StorageDescriptor": storage,
                },
            )
        yield made


def test_a_table_of_lines_is_asked_with_parameters(moves: Moves) -> None:
    """Projection, types of the catalogue, parameters and bytes are those of Athena."""
    sql = "SELECT id, never, dt, CAST(from_iso8601_timestamp(at) AS timestamp(3)) FROM moves"
    answer = moves.ask(f"{sql} WHERE id = ?", "'b'")
    assert answer.rows == [["b", None, _DAY, f"{_DAY} 00:00:00.500"]]
    assert answer.execution["Statistics"]["DataScannedInBytes"] == moves.bytes_of_day
    assert answer.execution["ExecutionParameters"] == ["'b'"]


def test_the_answer_is_an_object_where_the_execution_says(moves: Moves) -> None:
    """The result is a CSV file with a header, all of it in quotes."""
    execution = moves.ask("SELECT id, never FROM moves ORDER BY id LIMIT 1").execution
    location = execution["ResultConfiguration"]["OutputLocation"]
    key = location.removeprefix(f"s3://{_BUCKET}/")
    body = moves.aws.client("s3").get_object(Bucket=_BUCKET, Key=key)["Body"].read()
    assert body.decode() == '"id","never"\n"a",""\n'


def test_a_query_that_fails_says_why(moves: Moves) -> None:
    """Its state and reason are in its description."""
    status = moves.ask("SELECT id FROM nowhere").execution["Status"]
    assert status["State"] == "FAILED"
    assert "TABLE_NOT_FOUND" in status["StateChangeReason"]


def test_unloaded_rows_are_seen_once_their_partition_is_registered(moves: Moves) -> None:
    """UNLOAD writes, CreatePartition shows it, a view over both tables gives their rows."""
    glue = moves.aws.client("glue")
    location = f"s3://{_BUCKET}/kept/dt={_DAY}/r1/"
    storage: Any = {**_PARQUET, "Location": location}
    unload = f"UNLOAD (SELECT id, at FROM moves ORDER BY id) TO '{location}'"
    unload += " WITH (format = 'PARQUET')"
    assert moves.ask(unload).execution["Status"]["State"] == "SUCCEEDED"
    assert "HIVE_PATH_ALREADY_EXISTS" in moves.ask(unload).execution["Status"]["StateChangeReason"]
    assert moves.ask("SELECT id FROM kept").rows == []
    glue.create_partition(
        DatabaseName=_DATABASE,
        TableName="kept",
        PartitionInput={"Values": [_DAY], "StorageDescriptor": storage},
    )
    assert moves.ask("SELECT id, dt FROM kept ORDER BY id").rows == [["a", _DAY], ["b", _DAY]]

    both = "SELECT id, dt FROM kept UNION ALL SELECT id, dt FROM moves"
    created = moves.ask(f"CREATE OR REPLACE VIEW everything AS {both}")
    assert created.execution["Status"]["State"] == "SUCCEEDED"
    assert moves.ask("SELECT count(*) FROM everything").rows == [["4"]]
    assert glue.get_table(DatabaseName=_DATABASE, Name="everything")["Table"]["TableType"] == (
        "VIRTUAL_VIEW"
    )


def _query(sql: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Arguments": {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": _DATABASE},
            "ResultConfiguration": {"OutputLocation": _OUT},
        },
        **more,
    }


def test_a_state_machine_waits_for_its_query(moves: Moves) -> None:
    """The task ends when the query does, and the next state can get its rows."""
    results = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:getQueryResults",
        "Arguments": {
            "QueryExecutionId": "{% $states.input.QueryExecution.QueryExecutionId %}",
        },
        "Output": "{% $states.result.ResultSet.Rows[1].Data[0].VarCharValue %}",
        "End": True,
    }
    asked = _query("{% 'SELECT count(*) FROM ' & $states.input.table %}", Next="B")
    execution = moves.run({"A": asked, "B": results}, {"table": "moves"})
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", "2")


def test_a_failed_query_fails_its_task(moves: Moves) -> None:
    """The error is States.TaskFailed, and its cause the description of the query's execution."""
    execution = moves.run({"A": _query("SELECT id FROM nowhere", End=True)})
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(execution["cause"])
    assert cause["QueryExecution"]["Status"]["State"] == "FAILED"


def test_a_distributed_map_deletes_objects_in_batches(moves: Moves) -> None:
    """Its items are read, batched with common input, and handed to the SDK's DeleteObjects."""
    s3 = moves.aws.client("s3")
    for number in range(5):
        s3.put_object(Bucket=_BUCKET, Key=f"old/{number}", Body=b"x")
    delete = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:deleteObjects",
        "Arguments": {
            "Bucket": "{% $states.input.BatchInput.bucket %}",
            "Delete": {"Objects": "{% [$states.input.Items.{'Key': Key}] %}", "Quiet": True},
        },
        "End": True,
    }
    deleting = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "{% $states.input.bucket %}", "Prefix": "old/"},
        },
        "ItemBatcher": {
            "MaxItemsPerBatch": 2,
            "BatchInput": {"bucket": "{% $states.input.bucket %}"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Delete",
            "States": {"Delete": delete},
        },
        "Output": "{% $count($states.result) %}",
        "End": True,
    }
    execution = moves.run({"A": deleting}, {"bucket": _BUCKET})
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", 3)
    assert "Contents" not in s3.list_objects_v2(Bucket=_BUCKET, Prefix="old/")


def test_the_sdk_in_a_state_machine_answers_as_the_services(moves: Moves) -> None:
    """Common prefixes are structures and numbers numbers; a missing partition is Glue's error."""
    sdk = "arn:aws:states:::aws-sdk:"
    listed = {
        "Type": "Task",
        "Resource": f"{sdk}s3:listObjectsV2",
        "Arguments": {"Bucket": _BUCKET, "Prefix": "moves/dt=2026-03", "Delimiter": "/"},
        "Output": "{% [$states.result.CommonPrefixes.Prefix, $states.result.KeyCount] %}",
        "End": True,
    }
    execution = moves.run({"A": listed})
    assert json.loads(execution["output"]) == [f"moves/dt={_DAY}/", 1]
    partition = {"DatabaseName": _DATABASE, "TableName": "kept"}
    updated = {
        "Type": "Task",
        "Resource": f"{sdk}glue:updatePartition",
        "Arguments": {
            **partition,
            "PartitionValueList": ["1999-01-01"],
            "PartitionInput": {"Values": ["1999-01-01"]},
        },
        "End": True,
    }
    assert moves.run({"A": updated})["error"] == "Glue.EntityNotFoundException"
