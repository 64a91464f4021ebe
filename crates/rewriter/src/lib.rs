//! Facts about modules → a plan → a proof. Text in, text out; no I/O: the caller brings the files and writes the
//! changes.

mod build_plugin;
mod bundle;
mod bundle_header;
mod channels;
mod debug_id;
pub mod diagnostics;
mod digest;
mod edits;
mod entry_refs;
mod exports;
mod facade;
mod floating;
mod graph;
mod guard;
mod injected;
mod insertions;
mod kinds;
mod libraries;
mod linking;
mod main_checks;
mod order;
mod overlay;
mod packages;
mod plan;
mod prefilter;
mod proof;
mod readings;
mod rewrite;
mod runtime;
mod sdk;
mod sdk_wrapper;
mod sources;
mod specifier;
mod starts;
mod top_level;
mod with_channels;

pub use build_plugin::{BuildPlugin, instrumented_by_plugin};
pub use bundle::{Bundle, PackageImports, package_imports, with_bundle, without_bundle};
pub use bundle_header::{AskedFor, BundleHeader, bundle_header, bundle_line, sealed, tried};
pub use channels::injects_channels;
pub use debug_id::without_debug_id;
pub use digest::Digest;
pub use facade::{EntryLoading, FacadeHeader, facade_header};
pub use graph::files_of;
pub use injected::{Holder, Hooks, Injected, Marker, marker};
pub use insertions::{Insertion, moved_by_insertions, with_insertions};
pub use kinds::{Export, ExportKind, exports};
pub use libraries::{instrumented, instrumented_by_sdk, is_instrumented};
#[doc(hidden)]
pub use order::Rule;
pub use overlay::Overlay;
pub use packages::Means;
pub use plan::{ChangeKind, ExportStyle, FileChange, InlinedInstrumentation, Mode, Outcome, Plan, Request};
pub use prefilter::may_name;
pub use presentry_parser::FunctionShape;
#[doc(hidden)]
pub use proof::prove_without;
pub use proof::{EarlyPackage, InitTrust, ModuleHooks, Proof, Verdict, inits_in, prove, prove_with};
pub use readings::{ReadModule, ReadOutline, ReadRequests, Readings};
pub use rewrite::plan;
pub use runtime::holds_nitro_runtime;
pub use sources::{InvalidModulePath, MemorySources, ModulePath, ReadError, Sources, Test, is_script};
pub use specifier::{Target, package_name, resolve};
pub use with_channels::{Libraries, WithChannels, import_of_channels, module_for_chunks, with_channels};
