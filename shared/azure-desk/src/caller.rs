//! Who sits at the desk, by the claims of the access token. The token is the caller's own, so that its signature is not looked at: whoever
//! forges it only names himself, as with `--approver`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::desk::{ARM_SCOPE, Desk};
use crate::error::DeskError;

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user principal name, as the directory writes it; only people have one. What tokens call a guest besides is not what logs call
    /// them.
    pub upn: Option<String>,
    /// The object id in Microsoft Entra ID.
    pub object_id: String,
    /// The application; of a person, what the person called through.
    pub app_id: Option<String>,
}

impl Caller {
    /// Returns the name by which an approval names the caller: the user principal name where it can be sealed (that of a guest cannot),
    /// else `object:ID`.
    #[must_use]
    pub fn approver(&self) -> String {
        let can_be_sealed = |name: &&String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:+=@_/-".contains(&byte));
        self.upn.as_ref().filter(can_be_sealed).cloned().unwrap_or_else(|| format!("object:{}", self.object_id))
    }
}

/// What a token says.
pub(crate) struct Claims(Value);

impl Claims {
    /// Reads the middle of `HEADER.CLAIMS.SIGNATURE`. `None` where it is no such token.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?.trim_end_matches('=');
        let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&bytes).ok().map(Self)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Returns what the token is for, without a slash at its end.
    pub(crate) fn audience(&self) -> Option<String> {
        self.text("aud").map(|audience| audience.trim_end_matches('/').to_owned())
    }

    fn caller(&self) -> Option<Caller> {
        let is_application = self.text("idtyp").is_some_and(|kind| kind == "app");
        Some(Caller {
            upn: self.text("upn").filter(|_| !is_application),
            object_id: self.text("oid")?.to_ascii_lowercase(),
            app_id: self.text("appid").or_else(|| self.text("azp")),
        })
    }
}

impl Desk {
    /// Returns who the credentials belong to.
    ///
    /// # Errors
    /// When there are none, or the token does not say.
    pub async fn caller(&self) -> Result<Caller, DeskError> {
        let token = self.token(ARM_SCOPE).await?;
        let claims = Claims::of(token.token.secret()).ok_or(DeskError::NoCaller("it cannot be read"))?;
        claims.caller().ok_or(DeskError::NoCaller("it has no `oid`"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn people_are_named_by_their_principal_name_and_all_else_by_object_id() {
        for (what, claims, approver) in [
            ("a person", json!({"oid": "A1", "upn": "carol@contoso.example"}), Some("carol@contoso.example")),
            ("a person without one", json!({"oid": "a1", "preferred_username": "carol@contoso.example"}), Some("object:a1")),
            ("a guest of another tenant", json!({"oid": "A1", "unique_name": "carol@fabrikam.example"}), Some("object:a1")),
            ("a guest", json!({"oid": "A1", "upn": "carol_fabrikam.example#EXT#@contoso.example"}), Some("object:a1")),
            ("an application", json!({"oid": "a1", "appid": "b2", "idtyp": "app", "upn": "x"}), Some("object:a1")),
            ("nobody", json!({"appid": "b2"}), None),
        ] {
            let caller = Claims::of(&token(&claims)).unwrap().caller();
            assert_eq!(caller.map(|caller| caller.approver()).as_deref(), approver, "{what}");
        }
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for text in ["", "abc", "a.b", "a.!.c", "e30.bm90IGpzb24.c"] {
            assert!(Claims::of(text).is_none(), "{text}");
        }
    }
}
