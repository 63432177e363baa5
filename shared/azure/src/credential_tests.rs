//! Which identity is asked for, and how. The endpoint is found in the environment, so that asking takes a process of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use super::*;
use crate::transport::AzureHttp;

const CLIENT_ID: &str = "11111111-2222-3333-4444-55555555555F";

fn http() -> Arc<dyn HttpClient> {
    Arc::new(AzureHttp::new(None).unwrap())
}

#[test]
fn only_a_client_id_names_the_identity() {
    let resource_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/guard";
    for wrong in ["", "guard", resource_id, "11111111-2222-3333-4444-55555555555g", "11111111222233334444555555555555"] {
        let error = managed_identity(wrong, http()).unwrap_err();
        assert!(matches!(error, CredentialError::ClientId(_)), "{wrong}: {error}");
    }
    managed_identity(CLIENT_ID, http()).unwrap();
}

/// Plays App Service for one request, and returns it.
fn serve(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut buffer = [0; 4_096];
    let count = stream.read(&mut buffer).unwrap();
    let body = r#"{"access_token":"t","expires_on":"4102444800","resource":"https://management.azure.com","token_type":"Bearer"}"#;
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[test]
fn the_endpoint_of_app_service_is_asked_for_the_client_id() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut asking = Command::new(std::env::current_exe().unwrap());
    asking.args(["--exact", "credential::tests::a_token_is_had", "--ignored"]);
    asking.env("IDENTITY_ENDPOINT", format!("http://{}/msi/token", listener.local_addr().unwrap())).env("IDENTITY_HEADER", "secret");
    // Not joined before the asking is over: where nobody asks, it waits for ever.
    let served = std::thread::spawn(move || serve(&listener));
    let output = asking.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let request = served.join().unwrap();
    let resource = "https%3A%2F%2Fmanagement.azure.com";
    assert!(
        request.starts_with(&format!("GET /msi/token?api-version=2019-08-01&resource={resource}&client_id={CLIENT_ID} HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(request.contains("x-identity-header: secret\r\n"), "{request}");
}

#[tokio::test]
#[ignore = "asks the endpoint that the test above plays"]
async fn a_token_is_had() {
    let token = managed_identity(CLIENT_ID, http()).unwrap().get_token(&["https://management.azure.com/.default"], None).await.unwrap();
    assert_eq!(token.token.secret(), "t");
}
