//! Forged people: the approver is the one who does it, nobody knows who does it, or two approvers are one.

use reprieve_core::approval::{CO_APPROVER_TAG, CO_SEAL_TAG};
use reprieve_core::{Actor, ActorKind};
use reprieve_test_support::event::session;
use reprieve_test_support::{Terms, sealed_approval, sealed_by_security};

use crate::scene::{Forgery, Scene, forgery, the_key};

pub(crate) fn rows() -> Vec<Forgery> {
    [own_approvals(), unknown_callers(), approvers_too_few()].into_iter().flatten().collect()
}

/// Mallory, in the role `Admin`, approves their own act under one of their names.
fn own(name: &'static str, reason: &'static str, approver: &str) -> Forgery {
    forgery(name, reason, Scene::sealed(), |scene| scene.approve(&sealed_approval(&the_key(), &Terms::of_approver(approver))))
}

fn user(name: &str) -> Actor {
    Actor {
        kind: ActorKind::IamUser,
        arn: Some(format!("arn:aws:iam::111122223333:user/ops/{name}")),
        user_name: Some(name.to_owned()),
        ..Actor::unknown()
    }
}

/// A session that somebody made by `GetFederationToken`, under a name of their choice.
fn federated(name: &str, issuer: &str) -> Actor {
    Actor {
        kind: ActorKind::FederatedUser,
        arn: Some(format!("arn:aws:sts::111122223333:federated-user/{name}")),
        issuer: Some(issuer.to_owned()),
        ..Actor::unknown()
    }
}

pub(crate) fn own_approvals() -> Vec<Forgery> {
    let act = |name, reason, actor: Actor, approver: &str| {
        let mut forgery = own(name, reason, approver);
        forgery.scene.event.actor = actor;
        forgery
    };
    let chained = Actor { source_identity: Some("Carol@example.com".to_owned()), ..session("Deployer", "build-17") };
    vec![
        own("one's own name", "was approved by the one who did it, mallory@example.com", "mallory@example.com"),
        own("one's own name in another case", "was approved by the one who did it, MALLORY@Example.com", "MALLORY@Example.com"),
        own(
            "one's own user's ARN",
            "was approved by the one who did it, arn:aws:iam::111122223333:user/mallory@example.com",
            "arn:aws:iam::111122223333:user/mallory@example.com",
        ),
        own(
            "one's own user's ARN in another account",
            "was approved by the one who did it, arn:aws:iam::444455556666:user/mallory@example.com",
            "arn:aws:iam::444455556666:user/mallory@example.com",
        ),
        own(
            "one's own session's ARN",
            "was approved by the one who did it, arn:aws:sts::111122223333:assumed-role/Admin/mallory@example.com",
            "arn:aws:sts::111122223333:assumed-role/Admin/mallory@example.com",
        ),
        own(
            "one's own name as a session of another role",
            "was approved by the one who did it, arn:aws:sts::111122223333:assumed-role/Approver/mallory@example.com",
            "arn:aws:sts::111122223333:assumed-role/Approver/mallory@example.com",
        ),
        own(
            "one's own user's ARN in capital letters",
            "was approved by the one who did it, ARN:AWS:IAM::111122223333:USER/MALLORY@EXAMPLE.COM",
            "ARN:AWS:IAM::111122223333:USER/MALLORY@EXAMPLE.COM",
        ),
        own(
            "one's own user's ARN with another spelling of its kind",
            "was approved by the one who did it, arn:aws:iam::111122223333:User/mallory@example.com",
            "arn:aws:iam::111122223333:User/mallory@example.com",
        ),
        own(
            "one's own role with a slash too many",
            "was approved by the one who did it, arn:aws:iam::111122223333:role/Admin/",
            "arn:aws:iam::111122223333:role/Admin/",
        ),
        own(
            "one's own role",
            "was approved by the one who did it, arn:aws:iam::111122223333:role/Admin: cancel the deletion",
            "arn:aws:iam::111122223333:role/Admin",
        ),
        own(
            "one's own role with a path",
            "was approved by the one who did it, arn:aws:iam::111122223333:role/platform/admin",
            "arn:aws:iam::111122223333:role/platform/admin",
        ),
        own(
            "another session of one's own role",
            "was approved by the one who did it, arn:aws:sts::111122223333:assumed-role/Admin/carol@example.com",
            "arn:aws:sts::111122223333:assumed-role/Admin/carol@example.com",
        ),
        act("a chained session under another name", "was approved by the one who did it, carol@example.com", chained, "carol@example.com"),
        act("an IAM user under a path", "was approved by the one who did it, opal", user("Opal"), "opal"),
        act(
            "a federated session under another name",
            "was approved by the one who did it, arn:aws:iam::111122223333:user/alice",
            federated("bob", "arn:aws:iam::111122223333:user/alice"),
            "arn:aws:iam::111122223333:user/alice",
        ),
        act(
            "a federated session of the root user",
            "was approved by the one who did it, arn:aws:iam::111122223333:root",
            federated("bob", "arn:aws:iam::111122223333:root"),
            "arn:aws:iam::111122223333:root",
        ),
        forgery("one's own name, in the ledger", "was approved by the one who did it, Mallory@example.com", Scene::late(), |scene| {
            scene.recollection().approvals = vec![sealed_approval(&the_key(), &Terms::of_approver("Mallory@example.com"))];
        }),
    ]
}

fn unknown_callers() -> Vec<Forgery> {
    const UNKNOWN: &str = "where the caller is unknown, it cannot be shown that somebody else approved";
    vec![
        forgery("a caller of whom nothing is known", UNKNOWN, Scene::sealed(), |scene| scene.event.actor = Actor::unknown()),
        forgery("a caller of whom only the account is known", UNKNOWN, Scene::sealed(), |scene| {
            let account = reprieve_core::AccountId::parse("444455556666").ok();
            scene.event.actor = Actor { kind: ActorKind::AwsAccount, account, ..Actor::unknown() };
        }),
    ]
}

/// A key in production, under a second approval that is none, or none of its own.
fn approvers_too_few() -> Vec<Forgery> {
    const TOO_FEW: &str = "what is tagged `env=prod` needs two approvers, under two approval keys";
    let dave = || Terms::of_approver("dave@example.com");
    let co = |name, step, forge: fn(&mut Scene)| forgery(name, TOO_FEW, Scene::two_approvers(), forge).reasoned(step);
    vec![
        co("the second approval missing", "the sealed tags hold change CHG-1001, approved by carol@example.com", |scene| {
            scene.remove(CO_APPROVER_TAG);
            scene.remove(CO_SEAL_TAG);
        }),
        co("a second approver without a seal", "the tag `reprieve:co-seal` is missing", |scene| scene.remove(CO_SEAL_TAG)),
        co("a second seal without an approver", "the tag `reprieve:co-approver` is missing", |scene| scene.remove(CO_APPROVER_TAG)),
        forgery("one person under two names", TOO_FEW, Scene::two_approvers(), |scene| {
            let other_name = Terms::of_approver("arn:aws:iam::111122223333:user/Carol@example.com");
            scene.co_approve(&sealed_by_security(&the_key(), &other_name));
        })
        .reasoned("count once: both may be the same person"),
        forgery("a role that the first approver may have assumed", TOO_FEW, Scene::two_approvers(), |scene| {
            let role = Terms::of_approver("arn:aws:iam::111122223333:role/Security");
            scene.co_approve(&sealed_by_security(&the_key(), &role));
        })
        .reasoned("role/Security count once: nothing in how they are named tells whether they are two people"),
        forgery("a federated session that the first approver may have made", TOO_FEW, Scene::two_approvers(), |scene| {
            let federated = Terms::of_approver("arn:aws:sts::111122223333:federated-user/dave");
            scene.co_approve(&sealed_by_security(&the_key(), &federated));
        })
        .reasoned("federated-user/dave count once: nothing in how they are named tells whether they are two people"),
        forgery("two people under one approval key", TOO_FEW, Scene::two_approvers(), |scene| {
            scene.co_approve(&sealed_approval(&the_key(), &dave()));
        })
        .reasoned("count once: both were sealed with key test-2026"),
        forgery("the first seal copied to the second approver", TOO_FEW, Scene::two_approvers(), |scene| {
            scene.set(CO_SEAL_TAG, &sealed_approval(&the_key(), &Terms::default()).seal);
        })
        .reasoned("which is no approval: the seal does not belong to these values"),
        forgery("the first approval copied as a whole", TOO_FEW, Scene::two_approvers(), |scene| {
            scene.co_approve(&sealed_approval(&the_key(), &Terms::default()));
        })
        .reasoned("the sealed tags hold change CHG-1001, approved by carol@example.com"),
        forgery("the second approver is the one who did it", TOO_FEW, Scene::two_approvers(), |scene| {
            scene.co_approve(&sealed_by_security(&the_key(), &Terms::of_approver("mallory@example.com")));
        })
        .reasoned("approved by mallory@example.com for 2026-11-20T09:00:00Z to 2026-11-20T17:00:00Z, sealed with key security-2026; the approver is the one who did it"),
        forgery("the second approval of another action", TOO_FEW, Scene::two_approvers(), |scene| {
            let terms = Terms { action: "disable".to_owned(), ..dave() };
            scene.co_approve(&sealed_by_security(&the_key(), &terms));
        })
        .reasoned("which is no approval: the seal does not belong to these values"),
        forgery("the same approval in the tags and in the ledger", TOO_FEW, Scene::sealed(), |scene| {
            scene.set("env", "production");
            scene.recollection().approvals.push(sealed_approval(&the_key(), &Terms::default()));
        })
        .reasoned("the ledger holds change CHG-1001, approved by carol@example.com"),
        forgery("plain tags beside one seal", TOO_FEW, Scene::plain(), |scene| {
            scene.set("env", "prod");
            scene.recollection().approvals.push(sealed_approval(&the_key(), &dave()));
        })
        .reasoned("the plain tags hold change CHG-1001, approved by carol@example.com as Approver"),
    ]
}
