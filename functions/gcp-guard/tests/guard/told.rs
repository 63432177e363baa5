//! What people are told, and what becomes of it while nobody takes a notice.

use crate::stage::{Chat, KEY, Stage};

/// P32: an entry whose notice could not be sent is delivered again. It is told then, once, and nothing is done or recorded again.
#[tokio::test]
async fn a_notice_that_could_not_be_sent_is_told_by_the_next_delivery() {
    for (refused, told) in [(0, "is back"), (1, "could NOT be given back")] {
        let chat = Chat::start().await;
        let stage = Stage::start_telling("enforce", chat.url()).await;
        let version = stage.cloud.make_key(KEY);
        let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        stage.cloud.fail("RestoreCryptoKeyVersion", 403, refused);
        chat.refuse(2);
        let reply = stage.deliver(&entry).await;
        assert!(reply.status == 503 && reply.body.contains("people could not be told"), "{reply:?}");
        let (records, changes) = (stage.records(), stage.changes());
        for (status, said) in [(503, 0), (200, 1), (200, 1)] {
            let reply = stage.deliver(&entry).await;
            assert_eq!((reply.status, chat.said().len()), (status, said), "{}", reply.body);
        }
        assert!(chat.said()[0].contains(told), "{:?}", chat.said());
        assert_eq!((stage.records(), stage.changes()), (records, changes));
    }
}

/// P32: what a sweep could not tell is told by the next, once, although the version is not lost any more.
#[tokio::test]
async fn what_a_sweep_could_not_tell_is_told_by_the_next() {
    let chat = Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    let version = stage.cloud.make_key(KEY);
    stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    chat.refuse(2);
    let reply = stage.sweep().await;
    assert!(reply.status == 503 && reply.body.contains("people could not be told"), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    let (records, changes) = (stage.records(), stage.changes());
    for (status, said) in [(503, 0), (200, 1), (200, 1)] {
        let reply = stage.sweep().await;
        assert_eq!((reply.status, chat.said().len()), (status, said), "{}", reply.body);
    }
    assert!(chat.said()[0].contains("is back"), "{:?}", chat.said());
    assert_eq!((stage.records(), stage.changes()), (records, changes));
}

/// P32: a notice that nobody takes holds up no other.
#[tokio::test]
async fn one_notice_that_cannot_be_sent_holds_up_no_other() {
    let chat = Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    chat.refuse(3);
    for _ in 0..2 {
        let version = stage.cloud.make_key(KEY);
        let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        assert_eq!(stage.deliver(&entry).await.status, 503);
    }
    for (status, said) in [(503, 1), (200, 2), (200, 2)] {
        let reply = stage.sweep().await;
        assert_eq!((reply.status, chat.said().len()), (status, said), "{}", reply.body);
    }
}
