-- Every call that changes whether a KMS key can be used, and by whom: those that `reprieve replay` takes, each as often as CloudTrail wrote
-- it. Run it once, after cloudtrail-table.sql. What only Trino understands stands here, and not in the queries.
--
-- `key_arn` is the key, in the order of trust: what `resources` lists, the answer, the request. An id without its ARN lives where it was
-- called, in the account that owns the resource, else in the one that the log is of. An alias is not resolved, and a key store is no key: then it is null.
CREATE OR REPLACE VIEW key_events AS
SELECT
    eventid AS event_id,
    try(from_iso8601_timestamp(eventtime)) AS event_time,
    eventsource AS service,
    eventname AS api_call,
    eventtype AS event_type,
    CASE
        WHEN eventname LIKE '%CustomKeyStore' THEN NULL
        WHEN listed_key IS NOT NULL THEN listed_key
        WHEN named_key LIKE 'arn:%:key/%' THEN named_key
        WHEN named_key LIKE '%/%' OR named_key LIKE '%:%' THEN NULL
        ELSE 'arn:' || partition_name || ':kms:' || awsregion || ':' || owner || ':key/' || named_key
    END AS key_arn,
    coalesce(useridentity.arn, useridentity.invokedby, useridentity.username, useridentity.type, eventsource) AS principal,
    useridentity.sessioncontext.sourceidentity AS source_identity,
    sourceipaddress AS source_address,
    errorcode AS error_code,
    errormessage AS error_message,
    requestparameters AS request,
    responseelements AS response,
    account,
    region,
    day
FROM (
    SELECT
        *,
        CASE
            WHEN try(resources[1].arn) LIKE 'arn:%:kms:%:key/%' THEN try(resources[1].arn)
            WHEN try(resources[2].arn) LIKE 'arn:%:kms:%:key/%' THEN try(resources[2].arn)
        END AS listed_key,
        coalesce(
            json_extract_scalar(responseelements, '$.keyId'),
            json_extract_scalar(requestparameters, '$.targetKeyId'),
            json_extract_scalar(requestparameters, '$.keyId'),
            json_extract_scalar(serviceeventdetails, '$.keyId')
        ) AS named_key,
        coalesce(try(resources[1].accountid), recipientaccountid, useridentity.accountid) AS owner,
        CASE
            WHEN awsregion LIKE 'cn-%' THEN 'aws-cn'
            WHEN awsregion LIKE 'us-gov-%' THEN 'aws-us-gov'
            WHEN awsregion LIKE 'eusc-%' THEN 'aws-eusc'
            ELSE 'aws'
        END AS partition_name
    FROM cloudtrail_logs
    WHERE (eventsource = 'kms.amazonaws.com' AND eventname IN (
            'CancelKeyDeletion', 'ConnectCustomKeyStore', 'CreateAlias', 'CreateKey', 'DeleteAlias', 'DeleteCustomKeyStore',
            'DeleteExpiredKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteKey', 'DisableKey', 'DisableKeyRotation',
            'DisconnectCustomKeyStore', 'EnableKey', 'EnableKeyRotation', 'ImportKeyMaterial', 'PutKeyPolicy', 'ReplicateKey',
            'RetireGrant', 'RevokeGrant', 'RotateKey', 'RotateKeyOnDemand', 'ScheduleKeyDeletion', 'SynchronizeMultiRegionKey',
            'TagResource', 'UntagResource', 'UpdateAlias', 'UpdatePrimaryRegion')
            -- Services retire grants of their own by the thousand.
            AND NOT (eventname = 'RetireGrant' AND useridentity.invokedby IS NOT NULL))
        OR (eventsource = 'account.amazonaws.com' AND eventname IN ('DisableRegion', 'EnableRegion'))
) AS calls
