-- Keys that KMS deleted, each with who had scheduled that, and when. `scheduled_by` is null where that lies before the first day.
-- Parameters: '2026/10/01', '2026/10/31', the first and the last day: begin 30 days early, which is how long a key may wait.
WITH acts AS (
    SELECT event_id, event_time, api_call, key_arn, principal, source_address
    FROM (
        SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_time, day, account, region) AS copy_number
        FROM key_events
        WHERE day BETWEEN ? AND ? AND error_code IS NULL AND key_arn IS NOT NULL
            AND api_call IN ('DeleteKey', 'ScheduleKeyDeletion')
    ) AS copies
    WHERE copy_number = 1
)
SELECT
    gone.event_id,
    gone.event_time AS deleted_at,
    gone.key_arn,
    max_by(scheduled.principal, scheduled.event_time) AS scheduled_by,
    max_by(scheduled.source_address, scheduled.event_time) AS scheduled_from,
    max(scheduled.event_time) AS scheduled_at
FROM acts AS gone
LEFT JOIN acts AS scheduled
    ON scheduled.key_arn = gone.key_arn AND scheduled.api_call = 'ScheduleKeyDeletion' AND scheduled.event_time <= gone.event_time
WHERE gone.api_call = 'DeleteKey'
GROUP BY gone.event_id, gone.event_time, gone.key_arn
ORDER BY deleted_at, gone.event_id
