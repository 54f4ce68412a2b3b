//! The dashboard as the built program: in a real terminal, against real daemons.

use crate::support::{daemon, left_out};
mod acting;
mod hostile;
mod shells;
mod slow;
mod ssh;
mod tmux;
