//! The loop: observe -> decide -> act -> record, over one small port trait per capability.
//!
//! The same loop serves an event and the scheduled sweep; `provision` is its shape for the monitoring. It decides nothing itself: `reprieve_core::decide` does.
//! *Architecture invariant:* nothing here knows a provider, an SDK or a JSON shape.

pub mod act;
mod clock;
mod digest;
pub mod evidence;
pub mod google;
pub mod guard;
pub mod observe;
pub mod policies;
pub mod port;
mod posting;
pub mod provision;
pub mod recording;
pub mod rehearse;
pub mod seal;
pub mod sweep;
pub mod tenant;
mod whose;

pub use clock::SystemClock;
pub use evidence::{Appended, BaselineStore, Batch, EvidenceSink, EvidenceStore, Filed, SealSigner, StoredObject, Versioned};
pub use google::{
    KeyVersionControl, LatestCalls, LostVersions, VersionClaims, VersionGuard, VersionMeter, VersionPorts, VersionSettings, VersionSweep,
};
pub use guard::{Delivery, Guard, Handled, Ports, Settings};
pub use policies::{KeptPolicies, PolicyStore};
pub use port::{
    AuditSink, CallError, CallErrorKind, Circumstances, Claim, Clock, Disposition, Intent, KeyControl, Ledger, Meter, NoticeSink, PastCall,
    PolicySource,
};
pub use posting::{PostFault, post_to_all};
pub use provision::{MonitoringControl, MonitoringMeter, MonitoringPorts, MonitoringSettings, Occasion, Provisioned, Provisioner};
pub use recording::{Recorded, Recorder, RecordingMeter, RecordingPorts, RecordingSettings};
pub use rehearse::{
    DrillInventory, DrillKey, DrillMeter, DrillWatch, Note, Rehearsal, RehearsalPorts, RehearsalSettings, Rehearsed, Remembered, Turn,
};
pub use seal::{Sealed, Sealer, SealerSettings, SealingError};
pub use sweep::SweepReport;
pub use tenant::{TenantControl, TenantGuard, TenantLedger, TenantMeter, TenantPorts, TenantSettings, TenantSweep};
