//! Lets cargo notice a new build of the web client, and a bare `cargo build` work without one.

use std::{env, fs};

/// Where the web client's build lands, and where `http::assets` embeds it from.
const DIST: &str = "web/dist";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A development build reads the files at run time, so that a new page needs no new compilation.
    let embedded = env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none();
    // Cargo watches only what exists. When the directory cannot be made, the "run make" page is embedded instead.
    if embedded && fs::create_dir_all(DIST).is_ok() {
        println!("cargo:rerun-if-changed={DIST}");
    }
}
