//! URLs of Resource Manager, made of resource ids, and links that it gave, checked.

use azure_core::http::Url;

/// The host of the public cloud's Resource Manager.
pub(crate) const HOST: &str = "management.azure.com";
const BASE: &str = "https://management.azure.com/";

/// Makes the URL of a resource, or of a list, as `https://management.azure.com{path}?api-version={api_version}`.
///
/// # Errors
/// When the path is not one of names between slashes, or the version is none. Says why.
pub(crate) fn url(path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Url, String> {
    let names = path.strip_prefix('/').filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| format!("`{path}` is no path of a resource: one begins with `/`, and names something"))?;
    let is_version = !api_version.is_empty() && api_version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !is_version {
        return Err(format!("`{api_version}` is no API version"));
    }
    let names = names.split('/').map(checked).collect::<Result<Vec<_>, _>>().map_err(|why| format!("`{path}`: {why}"))?;
    let mut url: Url = BASE.parse().map_err(|_| "no base".to_owned())?;
    url.path_segments_mut().map_err(|()| "no base".to_owned())?.pop_if_empty().extend(names);
    url.query_pairs_mut().append_pair("api-version", api_version).extend_pairs(query);
    Ok(url)
}

/// Names are given as they are; what they hold is encoded, so that none leads elsewhere.
fn checked(name: &str) -> Result<&str, String> {
    if matches!(name, "" | "." | "..") {
        return Err(format!("`{name}` is no name in a path"));
    }
    let is_odd = |c: char| c.is_control() || matches!(c, '?' | '#' | '\\');
    if name.contains(is_odd) { Err(format!("`{name}` holds what no name may")) } else { Ok(name) }
}

/// Reads a link that Resource Manager gave, for its next page or an operation. It may be relative.
///
/// # Errors
/// When it leads to another host: our token goes nowhere else.
pub(crate) fn link(text: &str) -> Result<Url, String> {
    let base: Url = BASE.parse().map_err(|_| "no base".to_owned())?;
    let url = base.join(text).map_err(|_| format!("the link `{text}` cannot be read"))?;
    let is_own = url.scheme() == "https" && url.host_str() == Some(HOST) && url.port().is_none() && url.username().is_empty();
    if is_own { Ok(url) } else { Err(format!("the link leads to `{}`, not to `{HOST}`", url.host_str().unwrap_or_default())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_url() {
        let table = [
            ("/subscriptions/s/resourceGroups/g", "https://management.azure.com/subscriptions/s/resourceGroups/g?api-version=2021-04-01"),
            ("/a/my setting", "https://management.azure.com/a/my%20setting?api-version=2021-04-01"),
            ("/a/50%", "https://management.azure.com/a/50%25?api-version=2021-04-01"),
        ];
        for (path, expected) in table {
            assert_eq!(url(path, "2021-04-01", &[]).unwrap().as_str(), expected);
        }
        let filtered = url("/a", "1", &[("$filter", "a eq 'b'")]).unwrap();
        assert_eq!(filtered.as_str(), "https://management.azure.com/a?api-version=1&%24filter=a+eq+%27b%27");
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_refused() {
        for path in ["", "/", "a", "//evil.example/a", "/a//b", "/a/../b", "/a/./b", "/a?b", "/a#b", "/a\\b", "/a/\n", "/a/"] {
            assert!(url(path, "2021-04-01", &[]).is_err(), "{path}");
        }
        for version in ["", "2021&x=1", "a b"] {
            assert!(url("/a", version, &[]).is_err(), "{version}");
        }
    }

    #[test]
    fn a_link_stays_with_resource_manager() {
        for good in ["https://management.azure.com/a?b=c", "/a?b=c", "https://MANAGEMENT.azure.com:443/a"] {
            assert!(link(good).is_ok(), "{good}");
        }
        for bad in [
            "http://management.azure.com/a",
            "https://evil.example/a",
            "//evil.example/a",
            "https://management.azure.com.evil.example/a",
            "https://management.azure.com:8443/a",
            "https://me@management.azure.com/a",
        ] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }
}
