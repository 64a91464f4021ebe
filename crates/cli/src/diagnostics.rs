//! The diagnostics of the command itself, each in a file of its own, and the list of all there are.

pub(crate) mod ahead_failed;
pub(crate) mod ahead_skipped;
pub(crate) mod app_not_found;
pub(crate) mod archive_unreadable;
pub(crate) mod build_not_found;
pub(crate) mod bundle_failed;
pub(crate) mod bundle_skipped;
pub(crate) mod bundled_library;
pub(crate) mod bundler_not_found;
pub(crate) mod changed_meanwhile;
pub(crate) mod changed_since_rewrite;
pub(crate) mod disk_full;
pub(crate) mod double_init;
pub(crate) mod edge_runtime;
pub(crate) mod file_not_found;
pub(crate) mod hooks_stay;
pub(crate) mod instrumentation_import;
pub(crate) mod instrumentation_name;
pub(crate) mod instrumentation_not_found;
pub(crate) mod instrumentation_outside;
pub(crate) mod instrumentation_syntax;
pub(crate) mod interrupted;
pub(crate) mod invalid_metadata;
pub(crate) mod library_not_instrumented;
pub(crate) mod locked;
pub(crate) mod node_not_found;
pub(crate) mod not_as_proven;
pub(crate) mod option_not_static;
pub(crate) mod outside_output;
pub(crate) mod package_missing;
pub(crate) mod read_only;
pub(crate) mod request_failed;
pub(crate) mod resolves_outside;
pub(crate) mod restore_data_missing;
pub(crate) mod sentry_not_first;
pub(crate) mod server_not_started;
pub(crate) mod several_builds;
pub(crate) mod spans_missing;
pub(crate) mod stale_build;
pub(crate) mod store_unreadable;
pub(crate) mod trace_needs_node;
pub(crate) mod tracer_failed;
pub(crate) mod tracer_not_found;
pub(crate) mod unknown_code;
pub(crate) mod unknown_preset;
pub(crate) mod write_failed;

use presentry_rewriter::diagnostics::Code;

/// The codes of this crate.
static OWN: &[&Code] = &[
    &ahead_failed::CODE,
    &ahead_skipped::CODE,
    &app_not_found::CODE,
    &archive_unreadable::CODE,
    &build_not_found::CODE,
    &bundled_library::CODE,
    &bundle_failed::CODE,
    &bundle_skipped::CODE,
    &bundler_not_found::CODE,
    &changed_meanwhile::CODE,
    &changed_since_rewrite::CODE,
    &disk_full::CODE,
    &double_init::CODE,
    &edge_runtime::CODE,
    &file_not_found::CODE,
    &hooks_stay::CODE,
    &instrumentation_import::CODE,
    &instrumentation_name::CODE,
    &instrumentation_not_found::CODE,
    &instrumentation_outside::CODE,
    &instrumentation_syntax::CODE,
    &interrupted::CODE,
    &invalid_metadata::CODE,
    &library_not_instrumented::CODE,
    &locked::CODE,
    &node_not_found::CODE,
    &not_as_proven::CODE,
    &option_not_static::CODE,
    &outside_output::CODE,
    &package_missing::CODE,
    &read_only::CODE,
    &request_failed::CODE,
    &resolves_outside::CODE,
    &restore_data_missing::CODE,
    &sentry_not_first::CODE,
    &server_not_started::CODE,
    &several_builds::CODE,
    &spans_missing::CODE,
    &stale_build::CODE,
    &store_unreadable::CODE,
    &trace_needs_node::CODE,
    &tracer_failed::CODE,
    &tracer_not_found::CODE,
    &unknown_code::CODE,
    &unknown_preset::CODE,
    &write_failed::CODE,
];

/// Every code that presentry can give, in alphabetical order.
pub(crate) fn all() -> Vec<&'static Code> {
    let mut codes: Vec<&Code> = presentry_rewriter::diagnostics::all().iter().chain(OWN).copied().collect();
    codes.sort_by_key(|code| code.name);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_given_by_two_crates() {
        let codes = all();
        let twice: Vec<&str> =
            codes.windows(2).filter(|pair| pair[0].name == pair[1].name).map(|pair| pair[0].name).collect();
        assert_eq!(twice, Vec::<&str>::new());
    }
}
