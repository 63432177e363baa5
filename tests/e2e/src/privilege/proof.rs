//! Grants against use, both ways: nothing is granted that nothing used, and nothing was used that is not granted.
//!
//! A grant counts as used where a call was allowed by its statement **alone**: only then is that call lost with the grant. Must not
//! overlook a call that nobody asked IAM about.

use std::collections::{BTreeMap, BTreeSet};

use reprieve_localcloud::{CallEntry, IamDecision};

use super::exceptions::{Exception, UNTOUCHED};
use super::grants::{DeployedRole, Grant, covers};

/// What was asked in one role's name, held against what it may do.
#[derive(Debug, Clone)]
pub struct RoleProof {
    /// The role.
    pub role: DeployedRole,
    /// For each grant, in the role's order, what it was used for.
    pub uses: Vec<Use>,
    /// What was refused.
    pub refused: Vec<IamDecision>,
    /// What the policy of a resource allowed and none of the role's own: action and resource.
    pub by_resource: BTreeSet<(String, String)>,
    /// Calls that succeeded without IAM having been asked: service and operation.
    pub unasked: BTreeSet<(String, String)>,
}

/// What one grant was used for.
#[derive(Debug, Clone, Default)]
pub struct Use {
    /// How many calls it let through.
    pub calls: u64,
    /// How many of them no other statement would have let through.
    pub calls_lost_without: u64,
    /// Statements that allow all of these calls as well, where none would be lost.
    pub also: BTreeSet<String>,
    /// Whether each of its resources was called upon, in their order.
    pub resources: Vec<bool>,
}

/// All roles that are deployed on one local cloud.
#[derive(Debug, Clone)]
pub struct Proof {
    /// By role.
    pub roles: Vec<RoleProof>,
}

impl Proof {
    /// Holds what was asked and called against what is deployed.
    #[must_use]
    pub fn of(roles: Vec<DeployedRole>, decisions: &[IamDecision], calls: &[CallEntry]) -> Self {
        Self { roles: roles.into_iter().map(|role| RoleProof::of(role, decisions, calls)).collect() }
    }

    /// Returns what is wrong: grants without use or reason, reasons that are none any more, calls refused or never asked about.
    #[must_use]
    pub fn faults(&self, exceptions: &[Exception]) -> Vec<String> {
        self.roles.iter().flat_map(|role| role.faults(exceptions)).collect()
    }

    /// Returns what is wrong whatever was played: calls that were refused, and calls that nobody asked IAM about.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.roles.iter().flat_map(RoleProof::refusals).collect()
    }

    /// Puts what was seen on another local cloud beside this: a grant is used if it was on one of them.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for role in other.roles {
            let known = self.roles.iter().position(|known| known.role.template == role.role.template && known.role.id == role.role.id);
            match known.and_then(|at| self.roles.get_mut(at)) {
                Some(known) => known.join(role),
                None => self.roles.push(role),
            }
        }
        self.roles.sort_by_key(|role| role.role.title());
        self
    }
}

impl RoleProof {
    fn of(role: DeployedRole, decisions: &[IamDecision], calls: &[CallEntry]) -> Self {
        let asked: Vec<&IamDecision> = decisions.iter().filter(|decision| decision.role() == role.name).collect();
        let own: Vec<&IamDecision> = asked.iter().copied().filter(|decision| !decision.is_borrowed).collect();
        let uses = role.grants.iter().map(|grant| Use::of(grant, &own)).collect();
        let refused = own.iter().filter(|decision| !decision.is_allowed).map(|decision| (*decision).clone()).collect();
        let by_resource = own.iter().filter(|decision| decision.is_allowed && decision.statements.is_empty());
        let by_resource = by_resource.map(|decision| (decision.action.clone(), decision.resource.clone())).collect();
        let actions: BTreeSet<String> = asked.iter().map(|decision| decision.action.to_lowercase()).collect();
        let session = format!(":assumed-role/{}/", role.name);
        let made = calls.iter().filter(|call| call.caller.contains(&session) && call.status < 300);
        let unasked = made.filter(|call| !actions.contains(&action_of(&call.service, &call.operation).to_lowercase()));
        let unasked = unasked.map(|call| (call.service.clone(), call.operation.clone())).collect();
        Self { role, uses, refused, by_resource, unasked }
    }

    fn join(&mut self, other: Self) {
        for (grant, used) in other.role.grants.into_iter().zip(other.uses) {
            let is_same = |known: &Grant| known.statement == grant.statement && known.action == grant.action;
            if let Some(known) = self.role.grants.iter().position(is_same).and_then(|at| self.uses.get_mut(at)) {
                known.join(&used);
            } else {
                self.role.grants.push(grant);
                self.uses.push(used);
            }
        }
        self.refused.extend(other.refused);
        self.by_resource.extend(other.by_resource);
        self.unasked.extend(other.unasked);
    }

    fn faults(&self, exceptions: &[Exception]) -> Vec<String> {
        let title = self.role.title();
        let excepted = |grant: &Grant| exceptions.iter().find(|exception| exception.is_about(&self.role, grant));
        let mut faults = Vec::new();
        for (grant, used) in self.role.grants.iter().zip(&self.uses) {
            let Grant { statement, action, .. } = grant;
            match (used.calls_lost_without > 0, excepted(grant)) {
                (true, Some(_)) => faults.push(format!("{title}: `{action}` ({statement}) is used after all: take its exception out")),
                (true, None) | (false, Some(_)) => {}
                (false, None) if used.calls == 0 => {
                    faults.push(format!("{title}: `{action}` ({statement}) is granted, and nothing used it"));
                }
                (false, None) => faults.push(format!(
                    "{title}: `{action}` ({statement}) is granted twice: whatever used it, {} allows as well",
                    used.also.iter().map(|sid| format!("`{sid}`")).collect::<Vec<_>>().join(" or ")
                )),
            }
        }
        let is_known = |sid: &str, resource: &str| {
            UNTOUCHED.iter().any(|each| {
                (each.template, each.role, each.statement) == (self.role.template, self.role.id.as_str(), sid)
                    && resource.contains(each.part)
            })
        };
        let untouched = self.untouched().into_iter().filter(|(sid, resource)| !is_known(sid, resource));
        faults.extend(untouched.map(|(sid, resource)| format!("{title}: `{sid}` reaches `{resource}`, which nothing called upon")));
        faults.extend(self.refusals());
        faults
    }

    fn refusals(&self) -> Vec<String> {
        let title = self.role.title();
        let refused = self.refused.iter().map(|refused| {
            let IamDecision { action, resource, .. } = refused;
            format!("{title}: IAM refused `{action}` on `{resource}`: does the template lack it?")
        });
        let unasked = self.unasked.iter();
        let unasked = unasked.map(|(service, operation)| format!("{title}: nobody asked IAM about `{operation}` of {service}"));
        refused.chain(unasked).collect()
    }

    /// Returns the resources that no action of their statement was used on, by statement. A statement of which nothing was used is no
    /// matter of resources.
    fn untouched(&self) -> Vec<(String, String)> {
        let mut touched: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for (grant, each) in self.role.grants.iter().zip(&self.uses) {
            if each.calls > 0 {
                used.insert(&grant.statement);
            }
            for (resource, is_touched) in grant.resources.iter().zip(&each.resources) {
                *touched.entry((&grant.statement, resource)).or_default() |= is_touched;
            }
        }
        let untouched = touched.into_iter().filter(|((sid, _), is_touched)| !is_touched && used.contains(sid));
        untouched.map(|((sid, resource), _)| (sid.to_owned(), resource.to_owned())).collect()
    }
}

impl Use {
    fn of(grant: &Grant, decisions: &[&IamDecision]) -> Self {
        let mine: Vec<&&IamDecision> = decisions
            .iter()
            .filter(|decision| {
                decision.is_allowed && decision.action.eq_ignore_ascii_case(&grant.action) && decision.statements.contains(&grant.statement)
            })
            .collect();
        let alone = mine.iter().filter(|decision| decision.statements.len() == 1).map(|decision| decision.count).sum();
        let others = mine.iter().flat_map(|decision| decision.statements.iter()).filter(|sid| **sid != grant.statement);
        Self {
            calls: mine.iter().map(|decision| decision.count).sum(),
            calls_lost_without: alone,
            also: if alone == 0 { others.cloned().collect() } else { BTreeSet::new() },
            resources: grant.resources.iter().map(|pattern| mine.iter().any(|decision| covers(pattern, &decision.resource))).collect(),
        }
    }

    fn join(&mut self, other: &Self) {
        self.calls += other.calls;
        self.calls_lost_without += other.calls_lost_without;
        self.also.extend(other.also.iter().cloned());
        for (known, seen) in self.resources.iter_mut().zip(&other.resources) {
            *known |= seen;
        }
    }
}

/// Names the action that permits an operation: most are called alike.
#[must_use]
pub fn action_of(service: &str, operation: &str) -> String {
    match (service, operation) {
        ("monitoring", operation) => format!("cloudwatch:{operation}"),
        ("s3", "ListObjectsV2" | "HeadBucket") => "s3:ListBucket".to_owned(),
        ("s3", "ListObjectVersions") => "s3:ListBucketVersions".to_owned(),
        ("s3", "HeadObject") => "s3:GetObject".to_owned(),
        ("lambda", "Invoke") => "lambda:InvokeFunction".to_owned(),
        (service, operation) => format!("{service}:{operation}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exceptions::Shown;
    use super::*;

    fn role(grants: &[(&str, &str, &str)]) -> DeployedRole {
        let grants = grants.iter().map(|(statement, action, resource)| Grant {
            statement: (*statement).to_owned(),
            action: (*action).to_owned(),
            resources: vec![(*resource).to_owned()],
            is_conditional: false,
        });
        DeployedRole { template: "guard.yaml", id: "Role".to_owned(), name: "reprieve-Role".to_owned(), grants: grants.collect() }
    }

    fn asked(action: &str, resource: &str, statements: &[&str], is_allowed: bool) -> IamDecision {
        IamDecision {
            principal: "arn:aws:sts::1:assumed-role/reprieve-Role/f".to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            statements: statements.iter().map(|sid| (*sid).to_owned()).collect(),
            is_allowed,
            is_borrowed: false,
            count: 1,
        }
    }

    fn faults(grants: &[(&str, &str, &str)], decisions: &[IamDecision], exceptions: &[Exception]) -> Vec<String> {
        Proof::of(vec![role(grants)], decisions, &[]).faults(exceptions)
    }

    const EXCEPTION: Exception = Exception {
        template: "guard.yaml",
        role: "Role",
        statement: "Look",
        actions: &["kms:DescribeKey"],
        why: "a test",
        shown: Shown::Documented("nowhere"),
    };

    #[test]
    fn what_is_granted_and_used_is_no_fault() {
        let granted = [("Look", "kms:DescribeKey", "arn:key/*")];
        assert_eq!(faults(&granted, &[asked("kms:DescribeKey", "arn:key/1", &["Look"], true)], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_grant_that_nothing_used_is_a_fault_unless_it_is_excepted() {
        let granted = [("Look", "kms:DescribeKey", "*")];
        assert_eq!(faults(&granted, &[], &[]).len(), 1);
        assert_eq!(faults(&granted, &[], &[EXCEPTION]), Vec::<String>::new());
    }

    #[test]
    fn an_exception_for_what_is_used_is_a_fault() {
        let found = faults(&[("Look", "kms:DescribeKey", "*")], &[asked("kms:DescribeKey", "k", &["Look"], true)], &[EXCEPTION]);
        assert!(found.first().unwrap().contains("take its exception out"), "{found:?}");
    }

    #[test]
    fn a_grant_that_another_statement_makes_needless_is_a_fault() {
        let granted = [("Look", "kms:DescribeKey", "arn:key/*"), ("SeeAll", "kms:DescribeKey", "*")];
        let both = asked("kms:DescribeKey", "arn:key/1", &["Look", "SeeAll"], true);
        let all = asked("kms:DescribeKey", "arn:other", &["SeeAll"], true);
        let found = faults(&granted, &[both, all], &[]);
        assert_eq!(found, ["guard.yaml Role: `kms:DescribeKey` (Look) is granted twice: whatever used it, `SeeAll` allows as well"]);
    }

    #[test]
    fn a_refused_call_is_a_fault_unless_it_was_made_with_borrowed_credentials() {
        let refused = asked("kms:EnableKey", "arn:key/1", &[], false);
        assert!(faults(&[], std::slice::from_ref(&refused), &[]).first().unwrap().contains("refused `kms:EnableKey`"));
        assert_eq!(faults(&[], &[IamDecision { is_borrowed: true, ..refused }], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_resource_that_nothing_called_upon_is_a_fault() {
        let mut role = role(&[("Look", "kms:DescribeKey", "arn:key/*")]);
        role.grants.iter_mut().for_each(|grant| grant.resources.push("arn:alias/*".to_owned()));
        let used = [asked("kms:DescribeKey", "arn:key/1", &["Look"], true)];
        let found = Proof::of(vec![role], &used, &[]).faults(&[]);
        assert_eq!(found, ["guard.yaml Role: `Look` reaches `arn:alias/*`, which nothing called upon"]);
    }

    #[test]
    fn a_call_that_nobody_asked_iam_about_is_a_fault() {
        let call = CallEntry {
            order: 1,
            at_ms: 0,
            time: jiff::Timestamp::UNIX_EPOCH,
            took_ms: 1,
            service: "kms".to_owned(),
            operation: "EnableKey".to_owned(),
            region: "r".to_owned(),
            caller: "arn:aws:sts::1:assumed-role/reprieve-Role/f".to_owned(),
            access_key_id: None,
            key: None,
            status: 200,
            error_code: None,
            fault: false,
        };
        let found = Proof::of(vec![role(&[])], &[], &[call]).faults(&[]);
        assert_eq!(found, ["guard.yaml Role: nobody asked IAM about `EnableKey` of kms"]);
    }
}
