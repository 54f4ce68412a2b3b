//! What serves users of the Python Linux-API: its data are imported here.

pub mod import;
