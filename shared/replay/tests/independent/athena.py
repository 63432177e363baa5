"""Runs the queries of infra/aws/athena over a folder of CloudTrail logs with DuckDB, as Athena would over the same files in S3.

Usage: athena.py SQL_FOLDER LOG_FOLDER < QUERIES

QUERIES is a JSON list of [name, [parameter, ...]]; the answer is a JSON list of the rows of each. The SQL files are run as they are. What
stands in for Athena is the table alone, with the very columns that cloudtrail-table.sql declares, and two functions that DuckDB does not
have. Every file is parsed as Athena's SQL besides, since DuckDB might take what Athena does not. It writes nothing.
"""

import json
import signal
import sys
from pathlib import Path

import duckdb
import sqlglot

# A query over a few files takes a second; whoever waits for this test is not to wait for ever.
SECONDS = 300

# Trino's, in DuckDB's words. https://trino.io/docs/current/functions/json.html https://trino.io/docs/current/functions/datetime.html
FUNCTIONS = """
CREATE MACRO json_extract_scalar(document, path) AS json_extract_string(document, path);
CREATE MACRO from_iso8601_timestamp(text) AS CAST(text AS TIMESTAMP);
"""

# Hive's JSON reader takes a member of any case for a column; these are the names that CloudTrail writes.
IDENTITY = {
    "type": "VARCHAR",
    "principalId": "VARCHAR",
    "arn": "VARCHAR",
    "accountId": "VARCHAR",
    "invokedBy": "VARCHAR",
    "accessKeyId": "VARCHAR",
    "userName": "VARCHAR",
    "sessionContext": {
        "attributes": {"mfaAuthenticated": "VARCHAR", "creationDate": "VARCHAR"},
        "sessionIssuer": {"type": "VARCHAR", "principalId": "VARCHAR", "arn": "VARCHAR", "accountId": "VARCHAR", "userName": "VARCHAR"},
        "sourceIdentity": "VARCHAR",
    },
}
RESOURCES = [{"ARN": "VARCHAR", "accountId": "VARCHAR", "type": "VARCHAR"}]
TEXTS = """
eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestParameters responseElements
additionalEventData requestID eventID readOnly eventType recipientAccountId serviceEventDetails sharedEventID vpcEndpointId
""".split()


def table(logs):
    """The table as a view over the files. Objects of free shape are texts, as CloudTrail's input format gives them."""
    texts = ", ".join(f"record ->> '$.{name}' AS {name.lower()}" for name in TEXTS)
    folders = ", ".join(
        f"regexp_extract(filename, 'AWSLogs/(?:o-[a-z0-9]+/)?([0-9]+)/CloudTrail/([a-z0-9-]+)/([0-9]+/[0-9]+/[0-9]+)/', {place}) AS {name}"
        for place, name in enumerate(["account", "region", "day"], 1)
    )
    return f"""
    CREATE VIEW cloudtrail_logs AS
    SELECT {texts}, {folders},
        json_transform(record -> '$.userIdentity', '{json.dumps(IDENTITY)}') AS useridentity,
        json_transform(record -> '$.resources', '{json.dumps(RESOURCES)}') AS resources
    FROM (
        SELECT unnest("Records") AS record, filename
        FROM read_json('{logs}/**/*.json.gz', columns = {{Records: 'JSON[]'}}, filename = true, maximum_object_size = 4194304)
    )
    """


def declared(text):
    """The columns that the table has in Athena, its partitions included."""
    schema = sqlglot.parse_one(text, read="athena")
    return sorted(column.name for column in schema.find_all(sqlglot.exp.ColumnDef) if column.find_ancestor(sqlglot.exp.DataType) is None)


def main():
    signal.alarm(SECONDS)
    folder, logs = Path(sys.argv[1]), sys.argv[2]
    if "'" in logs:
        sys.exit(f"athena.py: the folder `{logs}` holds a quote, which cannot be written into a query: name another")
    sql = {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))}
    for name, text in sql.items():
        try:
            sqlglot.parse_one(text, read="athena", error_level=sqlglot.ErrorLevel.RAISE)
        except sqlglot.errors.SqlglotError as error:
            sys.exit(f"athena.py: `{name}.sql` is not Athena's SQL: {error}")
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET memory_limit = '2GB'")
    connection.execute(FUNCTIONS)
    connection.execute(table(logs))
    given = sorted(row[0] for row in connection.execute("DESCRIBE cloudtrail_logs").fetchall())
    if given != declared(sql["cloudtrail-table"]):
        sys.exit(f"athena.py: `cloudtrail-table.sql` declares {declared(sql['cloudtrail-table'])}, and the test's table has {given}")
    connection.execute(sql["key-events-view"])
    answers = []
    for name, parameters in json.load(sys.stdin):
        result = connection.execute(sql[name], parameters)
        names = [column[0] for column in result.description]
        answers.append([dict(zip(names, row, strict=True)) for row in result.fetchall()])
    json.dump(answers, sys.stdout, default=str)


main()
