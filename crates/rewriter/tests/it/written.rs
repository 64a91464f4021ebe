//! Builds written down in tests: files behind `--- path` lines, and how a plan or proof is shown.

use std::fmt::Write as _;

use presentry_rewriter::{
    EntryLoading, ExportStyle, InlinedInstrumentation, MemorySources, Mode, ModulePath, Outcome, Plan, Proof, Request,
    diagnostics::Diagnostic,
};

pub(crate) const INSTRUMENTATION: &str =
    "--- instrument.server.mjs\nimport * as Sentry from '@sentry/solidstart';\nSentry.init({});\n";

pub(crate) fn path(text: &str) -> ModulePath {
    ModulePath::new(text).unwrap()
}

/// Reads `--- path` sections. The text of a file ends with the line end before the next section.
pub(crate) fn build(text: &str) -> MemorySources {
    let mut files = MemorySources::default();
    for section in text.split("--- ").skip(1) {
        let (name, contents) = section.split_once('\n').unwrap();
        files.insert(path(name), contents.as_bytes().to_vec());
    }
    files
}

pub(crate) fn request() -> Request {
    Request {
        entry: path("index.mjs"),
        instrumentation: path("instrument.server.mjs"),
        loading: EntryLoading::Process,
        exports: ExportStyle::Await,
        mode: Mode::DynamicImport,
        inlined: InlinedInstrumentation::TakeOut,
        compile_cache: None,
        guard: false,
        trust: presentry_rewriter::InitTrust::Proof,
        channels_follow: false,
    }
}

/// The build after the changes of a plan.
pub(crate) fn applied(mut files: MemorySources, plan: &Plan) -> MemorySources {
    for change in &plan.changes {
        match &change.after {
            Some(bytes) => files.insert(change.path.clone(), bytes.clone()),
            None => drop(files.remove(&change.path)),
        }
    }
    files
}

pub(crate) fn show_plan(plan: &Plan) -> String {
    let mut shown = format!("{:?}\n", plan.outcome);
    for change in &plan.changes {
        let text = change.after.as_deref().map_or("(gone)".into(), String::from_utf8_lossy);
        let text = text.lines().filter(|line| !line.starts_with("//# sourceMappingURL=data:"));
        writeln!(shown, "--- {} ({})", change.path, change.kind.as_str()).unwrap();
        for line in text {
            match line.strip_prefix("// presentry ") {
                Some(_) => writeln!(shown, "// presentry <version> <digest>").unwrap(),
                None => writeln!(shown, "{}", line.trim_end()).unwrap(),
            }
        }
    }
    assert_eq!(plan.changes.is_empty(), plan.outcome != Outcome::Rewritten);
    shown + &show_diagnostics(&plan.diagnostics)
}

pub(crate) fn show_proof(proof: &Proof) -> String {
    let list = |items: &[ModulePath]| items.iter().map(ModulePath::to_string).collect::<Vec<_>>().join(", ");
    if proof.holds() {
        let instrumentation = proof.instrumentation.as_ref().unwrap();
        let first = match &proof.build_plugin {
            Some(plugin) => {
                format!("{}, in the runtime; injected: {}", proof.verdict.as_str(), plugin.libraries.join(", "))
            }
            None => "first".to_owned(),
        };
        format!(
            "holds: {instrumentation} {first}\nclosure: {}\npackages: {}\nruntime: {}\n",
            list(&proof.closure),
            proof.packages.join(", "),
            list(&proof.runtime)
        )
    } else {
        show_diagnostics(&proof.failures)
    }
}

pub(crate) fn show_diagnostics(diagnostics: &[Diagnostic]) -> String {
    let mut shown = String::new();
    for diagnostic in diagnostics {
        writeln!(shown, "{}[{}]: {}", diagnostic.severity.as_str(), diagnostic.code.name, diagnostic.message).unwrap();
        for label in &diagnostic.labels {
            writeln!(shown, "  {}:{}:{}: {}", label.path, label.position.line, label.position.column, label.line)
                .unwrap();
        }
    }
    shown
}
