//! The harness: takes a real SolidStart app from `npm ci` to a booted server and judges what it does.
//!
//! It drives the built command as a black box and depends on none of the crates that make it up, so that the judge
//! shares no error with the judged. A run is: install and build ([`app`], each kept by the hash of its inputs in
//! [`cache`]), copies of the build with the negative controls among them, the rewrite, boots ([`observe`]) against a
//! Sentry intake ([`intake`]), and judgements over what was seen ([`oracles`]).

pub mod app;
pub mod bench;
pub mod binary;
pub mod bounds;
pub mod cache;
pub mod capture;
pub mod column;
pub mod columns;
pub mod compare;
pub mod compatibility;
pub mod database;
pub mod document;
pub mod envelope;
pub mod evidence;
pub mod host;
pub mod html;
pub mod intake;
pub mod junit;
pub mod matrix;
pub mod node;
pub mod observe;
pub mod oracles;
pub mod pins;
pub mod process;
pub mod progress;
pub mod report;
pub mod repro;
pub mod resolved;
pub mod run;
pub mod runtime;
pub mod scenario;
pub mod secretlint;
pub mod seen;
pub mod server;
pub mod soak;
pub mod summary;
pub mod timeline;
pub mod toolchain;
pub mod trace;
pub mod tree;
pub mod visible;
pub mod workbench;

pub use matrix::{Cell, Matrix};
pub use run::run_all;
pub use scenario::Scenario;
pub use workbench::Config;
