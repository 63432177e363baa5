//! What a path of ARM names: the scope, the provider's namespace, its types and the names; and the action that RBAC asks for.
//!
//! Must not look at the tenant: a path says what is meant, not whether it is there.

use percent_encoding::percent_decode_str;

/// A path of ARM, taken apart at its last `/providers/`.
///
/// `/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/V/providers/Microsoft.Insights/diagnosticSettings` has the
/// vault as scope, the namespace `Microsoft.Insights`, the one type `diagnosticSettings` and no name: it is a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePath {
    /// The subscription's id, where the path starts with one.
    pub subscription: Option<String>,
    /// The resource group, where the path has one.
    pub resource_group: Option<String>,
    /// What stands before the last `/providers/`, as sent: a subscription, a resource group, a resource, or nothing.
    pub scope: String,
    /// The namespace as sent, e.g. `Microsoft.KeyVault`. Subscriptions and resource groups are of `Microsoft.Resources`.
    pub namespace: String,
    /// The types from the outermost to the innermost, as sent. Where there is one more than names, the last is a collection or an action.
    pub types: Vec<String>,
    /// The names from the outermost to the innermost, as sent.
    pub names: Vec<String>,
    /// The whole path as sent, percent-decoded, without a slash at its end.
    pub id: String,
}

impl ResourcePath {
    /// Takes a path apart. Returns `None` where it is none of ARM's.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
        let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
        let after = |word: &str| {
            let place = segments.iter().position(|segment| segment.eq_ignore_ascii_case(word))?;
            segments.get(place + 1).map(|name| (*name).to_owned())
        };
        let starts_with_subscription = segments.first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
        let id = format!("/{}", segments.join("/"));
        let provider = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
        let subscription = if starts_with_subscription { after("subscriptions") } else { None };
        let resource_group = if starts_with_subscription { after("resourceGroups") } else { None };
        let (scope, namespace, rest) = match provider {
            Some(place) => {
                let before = segments.get(..place)?.join("/");
                let scope = if before.is_empty() { before } else { format!("/{before}") };
                (scope, (*segments.get(place + 1)?).to_owned(), segments.get(place + 2..)?)
            }
            None if starts_with_subscription => (String::new(), "Microsoft.Resources".to_owned(), segments.as_slice()),
            None => return None,
        };
        let types = rest.iter().step_by(2).map(|segment| (*segment).to_owned()).collect();
        let names = rest.iter().skip(1).step_by(2).map(|segment| (*segment).to_owned()).collect();
        Some(Self { subscription, resource_group, scope, namespace, types, names, id })
    }

    /// Says whether the path is of this namespace and of exactly these types, in any case.
    #[must_use]
    pub fn is(&self, namespace: &str, types: &[&str]) -> bool {
        self.namespace.eq_ignore_ascii_case(namespace)
            && self.types.len() == types.len()
            && self.types.iter().zip(types).all(|(have, want)| have.eq_ignore_ascii_case(want))
    }

    /// Says whether the path ends in a name, and so names one resource.
    #[must_use]
    pub fn names_a_resource(&self) -> bool {
        !self.types.is_empty() && self.types.len() == self.names.len()
    }

    /// Returns the innermost name, or an empty text.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// Returns the subscription's id, or an empty text.
    #[must_use]
    pub fn subscription_id(&self) -> &str {
        self.subscription.as_deref().unwrap_or_default()
    }

    /// Returns the id without its last segment, where the path ends in a collection or in an action; else the id.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        if self.names_a_resource() {
            return &self.id;
        }
        self.id.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// Returns the type with its namespace, e.g. `Microsoft.KeyVault/vaults`.
    #[must_use]
    pub fn full_type(&self) -> String {
        format!("{}/{}", self.namespace, self.types.join("/"))
    }

    /// Returns the RBAC action that a request needs, e.g. `Microsoft.KeyVault/vaults/delete`. Source: Azure resource provider operations.
    #[must_use]
    pub fn action(&self, method: &http::Method) -> String {
        let full_type = self.full_type();
        match *method {
            http::Method::GET | http::Method::HEAD => format!("{full_type}/read"),
            http::Method::DELETE => format!("{full_type}/delete"),
            http::Method::POST => format!("{full_type}/action"),
            _ => format!("{full_type}/write"),
        }
    }

    /// Returns where the action is asked for: the resource itself, or what a collection or an action belongs to.
    #[must_use]
    pub fn rbac_scope(&self) -> String {
        if self.names_a_resource() {
            return self.id.clone();
        }
        // A collection at the first level belongs to the scope before `/providers/`, not to a resource called after the namespace.
        if self.types.len() == 1 && !self.namespace.eq_ignore_ascii_case("Microsoft.Resources") {
            return if self.scope.is_empty() { "/".to_owned() } else { self.scope.clone() };
        }
        self.parent_id().to_owned()
    }
}
