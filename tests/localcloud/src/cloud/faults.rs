//! What is made to go wrong, and by which rules the cloud plays: faults, quotas, calendars, and what of it all logs and rules hear.

use std::sync::Arc;
use std::time::Duration;

use super::LocalCloud;
use crate::error::LocalCloudError;
use crate::proxy::calendars::Calendar;
use crate::proxy::faults::{CallFault, EventFault};
use crate::proxy::lookup::LookupWindow;

impl LocalCloud {
    /// Lets calls fail.
    pub fn inject(&self, fault: CallFault) {
        self.proxy.call_faults().add(fault);
    }

    /// Lets events be lost, repeated, late or out of order.
    pub fn inject_event_fault(&self, fault: EventFault) {
        self.proxy.bus.add_fault(fault);
    }

    /// Takes back all faults; events that are held are lost.
    pub fn clear_faults(&self) {
        self.proxy.call_faults().clear();
        self.proxy.bus.clear_faults();
    }

    /// Goes away: connections are cut, and new ones as soon as they are made, while inside everything goes on. Functions run, get
    /// messages, and fail at their first call.
    pub fn go_away(&self) {
        self.proxy.go_away(true);
    }

    /// Comes back from where [`LocalCloud::go_away`] led.
    pub fn come_back(&self) {
        self.proxy.go_away(false);
    }

    /// Switches the request quotas of KMS and CloudTrail on or off.
    pub fn switch_quotas(&self, on: bool) {
        self.proxy.quotas().switch(on);
    }

    /// Makes a Change Calendar of Systems Manager, or replaces it: by name in the cloud's account and Region, or by the ARN of
    /// its document.
    pub fn set_calendar(&self, name: &str, calendar: Calendar) {
        self.proxy.set_calendar(name, calendar);
    }

    /// Removes all Change Calendars, so that naming one is an error.
    pub fn clear_calendars(&self) {
        self.proxy.calendars().clear();
    }

    /// Says which records `LookupEvents` finds; by default those of the last 90 days, at once.
    pub fn set_lookup_window(&self, window: LookupWindow) {
        self.proxy.set_lookup_window(window);
    }

    /// Says whether EventBridge gets API calls and service events only while a trail records them, as on AWS.
    ///
    /// By default it gets them without any trail, so that a scenario need not make one.
    pub fn let_events_need_a_trail(&self, needed: bool) {
        self.proxy.let_events_need_a_trail(needed);
    }

    /// Says how long records are on their way to the log groups of trails from now on; no time by default.
    pub fn set_log_delivery_delay(&self, delay: Duration) {
        self.proxy.set_log_delivery_delay(delay);
    }

    /// Says whether metrics in the embedded format are read from what functions log, so that alarms see them; not by default.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn read_embedded_metrics(&self, on: bool) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.read_embedded_metrics(on).await }).await
    }
}
