-- Keys that were disabled or scheduled for deletion and not given back within some hours, each with who gave it back later, after how
-- many minutes, or when KMS deleted it. Approvals are not looked at; `reprieve replay` knows them.
-- Parameters: '2026/10/01', '2026/10/31', 4: the first and the last day, hours. With 0 hours, those that were given back soon as well.
WITH acts AS (
    SELECT event_id, event_time, api_call, key_arn, principal, source_address
    FROM (
        SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_time, day, account, region) AS copy_number
        FROM key_events
        WHERE day BETWEEN ? AND ? AND error_code IS NULL AND key_arn IS NOT NULL
            AND api_call IN ('CancelKeyDeletion', 'DeleteKey', 'DisableKey', 'EnableKey', 'ScheduleKeyDeletion')
    ) AS copies
    WHERE copy_number = 1
),
followed AS (
    SELECT
        taken.event_id,
        taken.event_time,
        taken.api_call,
        taken.key_arn,
        taken.principal,
        taken.source_address,
        min_by(undoing.principal, undoing.event_time) AS undone_by,
        min(undoing.event_time) AS undone_at
    FROM acts AS taken
    LEFT JOIN acts AS undoing
        ON undoing.key_arn = taken.key_arn
        AND undoing.event_time > taken.event_time
        AND undoing.api_call = CASE taken.api_call WHEN 'DisableKey' THEN 'EnableKey' ELSE 'CancelKeyDeletion' END
    WHERE taken.api_call IN ('DisableKey', 'ScheduleKeyDeletion')
    GROUP BY taken.event_id, taken.event_time, taken.api_call, taken.key_arn, taken.principal, taken.source_address
),
gone AS (
    SELECT key_arn, max(event_time) AS deleted_at
    FROM acts
    WHERE api_call = 'DeleteKey'
    GROUP BY key_arn
)
SELECT
    followed.event_id,
    followed.event_time,
    followed.api_call,
    followed.key_arn,
    followed.principal,
    followed.source_address,
    followed.undone_by,
    followed.undone_at,
    date_diff('minute', followed.event_time, followed.undone_at) AS undone_after_minutes,
    gone.deleted_at
FROM followed
LEFT JOIN gone ON gone.key_arn = followed.key_arn
WHERE followed.undone_at IS NULL OR date_diff('second', followed.event_time, followed.undone_at) >= 3600 * ?
ORDER BY followed.event_time, followed.event_id
