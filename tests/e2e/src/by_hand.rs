//! Playing with a stage by hand, from other processes: what people are given for it, and the few calls that the AWS CLI would make.
//!
//! Must not approve anything: that is what the command `reprieve` is for.

mod acts;
mod handout;

pub use acts::{Act, Operation, act, events, facts, sweep};
pub use handout::{FOLDER_VARIABLE, Handout, default_folder};
