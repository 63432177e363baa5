-- Every call that changed whether a key can be used, or was to and was refused, each event once.
-- Parameters: '2026/10/01', '2026/10/31', the first and the last day.
SELECT event_id, event_time, api_call, key_arn, principal, source_identity, source_address, error_code, account, region
FROM (
    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_time, day, account, region) AS copy_number
    FROM key_events
    WHERE day BETWEEN ? AND ?
) AS copies
WHERE copy_number = 1
ORDER BY event_time, event_id
