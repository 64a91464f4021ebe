//! Ring 2: what must hold for every captured build.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use presentry_rewriter::{
    ChangeKind, EntryLoading, ExportKind, ExportStyle, InitTrust, InlinedInstrumentation, MemorySources, ModulePath,
    Outcome, Plan, Request, Sources as _, Target, exports, package_imports, plan, prove, resolve,
};

use crate::{
    corpus::{Build, Mode, build_of, builds},
    invariants,
    written::{applied, show_diagnostics, show_plan},
};

pub(crate) fn request(build: &Build) -> Request {
    let beside = || build.entry.sibling("instrument.server.mjs").unwrap();
    Request {
        entry: build.entry.clone(),
        instrumentation: build.instrumentation.clone().unwrap_or_else(beside),
        loading: EntryLoading::Process,
        exports: ExportStyle::Await,
        mode: presentry_rewriter::Mode::DynamicImport,
        inlined: InlinedInstrumentation::TakeOut,
        compile_cache: None,
        guard: true,
        trust: InitTrust::Proof,
        channels_follow: false,
    }
}

/// The builds that are refused, each with its reason. Everything else must be rewritten.
fn refusal(build: &Build) -> Option<&'static str> {
    let shared = build.id.contains("shared-");
    match build.mode {
        // Instrumentation and runtime use the same module, and Rollup put it into the runtime's chunk. nitropack 2.9
        // makes a chunk of its own for it, and there the build is mended.
        Mode::DynamicImport if shared && !build.id.contains("nitropack-2.9") => Some("instrumentation-shares-runtime"),
        // The SDK knows the preset by another name: it wrapped nothing, and did not emit the instrumentation either.
        Mode::DynamicImport if !holds_instrumentation(build) => Some("instrumentation-missing"),
        // Nitro bundled a package that cannot be, and what is left imports a path of the machine of the build.
        Mode::DynamicImport if build.id.contains("hook-bundled") => Some("instrumentation-imports-elsewhere"),
        // Everything in one file: what the SDK inlined shares its scope with the runtime.
        Mode::DynamicImport if build.id.contains("inline-dynamic-imports") => Some("instrumentation-in-runtime"),
        // The app uses a module of the instrumentation, and the SDK did not copy the chunk that Vite made of it.
        Mode::Default if build.id.contains("shared-route") => Some("missing-module"),
        _ => None,
    }
}

/// Whether the SDK put the instrumentation anywhere.
fn holds_instrumentation(build: &Build) -> bool {
    build.sources.iter().any(|(_, bytes)| bytes.windows(12).any(|window| window == b"tracesSample"))
}

/// Every build that has to be rewritten, with its plan.
pub(crate) fn rewritten() -> impl Iterator<Item = (&'static Build, &'static Plan)> {
    static PLANS: OnceLock<Vec<(&'static Build, Plan)>> = OnceLock::new();
    let plans = PLANS.get_or_init(|| {
        let wanted = builds().iter().filter(|build| refusal(build).is_none());
        wanted.map(|build| (build, plan(&build.sources, &request(build)))).collect()
    });
    plans.iter().map(|(build, plan)| (*build, plan))
}

/// The same build with an instrumentation that was compiled from source.
fn with_compiled(build: &Build) -> (MemorySources, Request) {
    let request = Request { inlined: InlinedInstrumentation::Replace, ..request(build) };
    let mut sources = build.sources.clone();
    let compiled = "import * as Sentry from \"@sentry/solidstart\";\nSentry.init({});\n";
    sources.insert(request.instrumentation.clone(), compiled.into());
    (sources, request)
}

#[test]
fn an_instrumentation_from_source_opens_what_cannot_be_taken_apart() {
    let mut opened = 0;
    for build in builds() {
        let (sources, request) = with_compiled(build);
        let planned = plan(&sources, &request);
        // Everything is in one scope, or init is in a chunk that others import from: it cannot be dropped.
        let stays = refusal(build) == Some("instrumentation-in-runtime")
            || (build.mode == Mode::DynamicImport && build.id.contains("nitropack-2.9.7.shared-"));
        let expected = if stays { Outcome::Refused } else { Outcome::Rewritten };
        assert_eq!(planned.outcome, expected, "{}: {}", build.id, show_plan(&planned));
        if refusal(build).is_some() && !stays {
            opened += 1;
        }
        if !stays {
            let written = planned.changes.iter().filter(|change| change.kind == ChangeKind::Instrumentation);
            assert_eq!(written.count(), 0, "{}", build.id);
            let again = plan(&applied(sources, &planned), &request);
            assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}", build.id);
        }
    }
    assert!(opened > 15, "{opened}");
}

#[test]
fn the_function_of_the_guard_changes_no_proof() {
    let proof_of = |files: &MemorySources, build: &Build| prove(files, &build.entry);
    let mut seen = 0;
    for (build, planned) in rewritten() {
        let mut files = applied(build.sources.clone(), planned);
        let facade = String::from_utf8(files.read(&build.entry).unwrap().unwrap().into_owned()).unwrap();
        if !facade.contains("function _guard(") {
            continue;
        };
        seen += 1;
        let known = proof_of(&files, build);
        assert!(known.holds() && known.guarded, "{}", build.id);
        // A function that differs in a letter of its comment is read as a whole.
        let other = facade.replace("// Compares the running", "// compares the running");
        assert_ne!(other, facade);
        files.insert(build.entry.clone(), other.into_bytes());
        assert_eq!(proof_of(&files, build), known, "{}", build.id);
        // One that does something else does not go unseen.
        let silent = facade.replace("// Compares the running", "throw 1; //he running");
        files.insert(build.entry.clone(), silent.into_bytes());
        assert_ne!(proof_of(&files, build), known, "{}", build.id);
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_top_level_import_is_the_first_and_proves_nothing() {
    let mut seen = 0;
    for build in builds() {
        let request = Request { mode: presentry_rewriter::Mode::TopLevelImport, ..request(build) };
        let planned = plan(&build.sources, &request);
        if refusal(build).is_some() {
            assert_eq!(planned.outcome, Outcome::Refused, "{}", build.id);
            continue;
        }
        seen += 1;
        assert_eq!(planned.diagnostics[0].code.name, "limited-tracing", "{}", build.id);
        // What the SDK's own mode made is that already; for Netlify it took `server.mjs` for the entry.
        let expected = if build.mode == Mode::TopLevelImport && build.entry.as_str() != "main.mjs" {
            Outcome::AlreadyFirst
        } else {
            Outcome::Rewritten
        };
        assert_eq!(planned.outcome, expected, "{}: {}", build.id, show_plan(&planned));
        let after = applied(build.sources.clone(), &planned);
        assert!(!prove(&after, &build.entry).holds(), "{}", build.id);
        let again = plan(&after, &request);
        assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}: {}", build.id, show_plan(&again));
        let before =
            plan(&build.sources, &Request { mode: presentry_rewriter::Mode::DynamicImport, ..request.clone() });
        assert_eq!(planned.exports, before.exports, "{}", build.id);
    }
    assert!(seen > 70, "{seen}");
}

#[test]
fn every_build_is_rewritten_or_refused_for_its_reason() {
    for build in builds() {
        let planned = plan(&build.sources, &request(build));
        match refusal(build) {
            None => assert_eq!(planned.outcome, Outcome::Rewritten, "{}: {}", build.id, show_plan(&planned)),
            Some(code) => {
                assert_eq!(planned.outcome, Outcome::Refused, "{}", build.id);
                assert_eq!(planned.diagnostics[0].code.name, code, "{}", build.id);
            }
        }
    }
    let refused = builds().iter().filter(|build| refusal(build).is_some()).count();
    assert!(refused * 3 < builds().len(), "{refused} of {} are refused", builds().len());
}

#[test]
fn the_original_fails_the_proof_and_the_result_passes() {
    let mut proven_by_the_sdk = 0;
    for (build, planned) in rewritten() {
        let before = prove(&build.sources, &build.entry);
        assert!(!before.holds() || build.mode == Mode::DynamicImport, "{} holds as built", build.id);
        proven_by_the_sdk += usize::from(before.holds());
        let after = prove(&applied(build.sources.clone(), planned), &build.entry);
        assert!(after.holds(), "{}: {}", build.id, show_diagnostics(&after.failures));
        assert_eq!(after.instrumentation, Some(request(build).instrumentation), "{}", build.id);
    }
    // The SDK's own wrapper is not always wrong, and the proof says so.
    assert!(proven_by_the_sdk > 3, "{proven_by_the_sdk}");
}

#[test]
fn a_second_run_changes_nothing() {
    for (build, planned) in rewritten() {
        let result = applied(build.sources.clone(), planned);
        let again = plan(&result, &request(build));
        assert_eq!(again.outcome, Outcome::AlreadyFirst, "{}: {}", build.id, show_plan(&again));
        assert_eq!(again.exports, planned.exports, "{}", build.id);
    }
}

#[test]
fn undoing_the_changes_gives_the_original() {
    for (build, planned) in rewritten() {
        let mut files = applied(build.sources.clone(), planned);
        assert_ne!(files, build.sources);
        for change in &planned.changes {
            match &change.before {
                Some(bytes) => files.insert(change.path.clone(), bytes.clone()),
                None => drop(files.remove(&change.path)),
            }
        }
        assert_eq!(files, build.sources, "{}", build.id);
    }
}

#[test]
fn only_specifiers_change_in_repointed_modules_and_nothing_in_a_moved_entry() {
    let (mut repointed, mut moved) = (0, 0);
    for (build, planned) in rewritten() {
        let named = format!("/{}", build.entry.file_name());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        for change in &planned.changes {
            let after = text(change.after.as_ref().unwrap());
            let (_, errors) = presentry_parser::parse(&after);
            assert_eq!(errors, [], "{} {}", build.id, change.path);
            match change.kind {
                ChangeKind::Repointed => {
                    let before = text(change.before.as_ref().unwrap());
                    assert_eq!(after.replace("/entry.mjs", &named), before, "{} {}", build.id, change.path);
                    assert_eq!(after.encode_utf16().count(), before.encode_utf16().count());
                    repointed += 1;
                }
                ChangeKind::MovedEntry if build.mode == Mode::Default => {
                    assert_eq!(after, text(&build.sources.read(&build.entry).unwrap().unwrap()), "{}", build.id);
                    moved += 1;
                }
                _ => {}
            }
        }
    }
    assert!(repointed > 10 && moved > 20, "{repointed} {moved}");
}

#[test]
fn the_facade_exports_what_the_entry_exports() {
    for (build, planned) in rewritten() {
        let names = |files: &MemorySources| -> BTreeSet<String> {
            exports(files, &build.entry).unwrap().into_iter().map(|export| export.name).collect()
        };
        assert_eq!(names(&applied(build.sources.clone(), planned)), names(&build.sources), "{}", build.id);
    }
}

/// What the SDK's forwarders replaced is the runtime's own value again: what the same preset exports by default.
#[test]
fn wrapped_entries_export_the_values_of_the_default_build() {
    let mut compared = 0;
    for (build, planned) in rewritten().filter(|(build, _)| build.mode == Mode::DynamicImport) {
        let default = build.id.replace("sdk-dynamic", "default");
        let Some(default) = builds().iter().find(|build| build.id == default) else { continue };
        let moved = planned.changes.iter().find(|change| change.kind == ChangeKind::MovedEntry).unwrap();
        let of = |files: &MemorySources, entry: &ModulePath| -> BTreeMap<String, ExportKind> {
            exports(files, entry).unwrap().into_iter().map(|export| (export.name, export.kind)).collect()
        };
        let mended = of(&applied(build.sources.clone(), planned), &moved.path);
        // node-cluster and its kin export letters that Rollup chose; wrapped by the SDK they export nothing.
        if mended.is_empty() {
            continue;
        }
        let built = of(&default.sources, &default.entry);
        for (name, kind) in &mended {
            let same = built.get(name) == Some(kind);
            assert!(same || *kind == ExportKind::Unknown, "{} {name}: {kind:?}, built {:?}", build.id, built.get(name));
        }
        assert!(mended.keys().eq(built.keys()), "{}: {mended:?}, built {built:?}", build.id);
        compared += 1;
    }
    assert!(compared > 8, "{compared}");
}

/// Kinds never contradict what Node saw when the build was captured, and nine of ten are known.
/// Modules that have nothing to do with the SDK are not parsed for what they ask for.
#[test]
fn what_a_build_asks_for_is_found_without_parsing_it_all() {
    let mut specifiers = 0;
    for (build, plan) in rewritten() {
        let nothing = Plan { changes: Vec::new(), ..plan.clone() };
        for (path, bytes) in build.sources.iter().filter(|(path, _)| path.as_str().ends_with(".mjs")) {
            // Each by itself: what one module asks for, others of its build ask for, too.
            let mut alone = MemorySources::default();
            alone.insert(path.clone(), bytes.to_vec());
            let asked = package_imports(&alone, &nothing).unwrap();
            let (record, _) = presentry_parser::parse(std::str::from_utf8(bytes).unwrap());
            let requested = record.requested_modules.iter().map(|request| &request.specifier);
            let imported = record.dynamic_imports.iter().filter_map(|import| import.specifier.as_ref());
            let parsed = requested.chain(imported).filter_map(|literal| match resolve(path, &literal.value) {
                Target::Package(specifier) => Some(specifier),
                _ => None,
            });
            let (sdk, others): (BTreeSet<String>, BTreeSet<String>) =
                parsed.partition(|specifier| specifier.starts_with("@sentry/"));
            assert!(sdk.iter().eq(asked.sdk.keys()), "{}: {path}: {sdk:?}", build.id);
            assert!(others.is_subset(&asked.others), "{}: {path}: {others:?}, found {:?}", build.id, asked.others);
            specifiers += others.len();
        }
    }
    assert!(specifiers > 100, "{specifiers}");
}

#[test]
fn outlines_are_true() {
    for build in builds() {
        invariants::outlines_are_true(&build.sources).unwrap();
    }
}

#[test]
fn kinds_are_what_node_sees() {
    let (mut known, mut all) = (0, 0);
    for build in builds() {
        let Some(seen) = &build.exports else { continue };
        let found = exports(&build.sources, &build.entry).unwrap();
        assert_eq!(
            found.iter().map(|export| &export.name).collect::<BTreeSet<_>>(),
            seen.iter().map(|export| &export.name).collect::<BTreeSet<_>>(),
            "{}",
            build.id
        );
        for export in &found {
            let node = seen.iter().find(|seen| seen.name == export.name).unwrap();
            let fits = match export.kind {
                ExportKind::Function(shape) => {
                    let constructor = match (shape.is_async, shape.is_generator) {
                        (false, false) => "Function",
                        (true, false) => "AsyncFunction",
                        (false, true) => "GeneratorFunction",
                        (true, true) => "AsyncGeneratorFunction",
                    };
                    let length = node.length == u64::try_from(shape.length).ok();
                    !node.class && length && node.constructor.as_deref() == Some(constructor)
                }
                ExportKind::Class => node.class,
                ExportKind::Object => node.type_of == "object",
                ExportKind::Primitive("null") => node.type_of == "object" && node.constructor.is_none(),
                ExportKind::Primitive(name) => node.type_of == name,
                ExportKind::CallResult | ExportKind::Unknown => true,
            };
            assert!(fits, "{} `{}` is {:?}, Node says {node:?}", build.id, export.name, export.kind);
            all += 1;
            if export.kind == ExportKind::Unknown {
                println!("{} `{}` is unknown, Node says {}", build.id, export.name, node.type_of);
            } else {
                known += 1;
            }
        }
    }
    println!("{known} of {all} kinds are known");
    assert!(all > 100 && known * 10 >= all * 9, "{known} of {all} kinds are known");
}

/// Every position that a source map names has the same text behind it before and after, but for the specifiers.
#[test]
fn source_maps_of_repointed_modules_stay_right() {
    let (mut modules, mut positions) = (0, 0);
    for (build, planned) in rewritten() {
        let named = format!("/{}", build.entry.file_name());
        for change in planned.changes.iter().filter(|change| change.kind == ChangeKind::Repointed) {
            let map = change.path.sibling(&format!("{}.map", change.path.file_name())).unwrap();
            let Some(map) = build.sources.read(&map).unwrap() else { continue };
            let map = sourcemap::SourceMap::from_slice(&map).unwrap();
            let lines = |bytes: &Option<Vec<u8>>| -> Vec<Vec<u16>> {
                let text = String::from_utf8(bytes.clone().unwrap()).unwrap();
                text.split('\n').map(|line| line.encode_utf16().collect()).collect()
            };
            let (before, after) = (lines(&change.before), lines(&change.after));
            for token in map.tokens() {
                let rest = |lines: &[Vec<u16>]| {
                    let line = &lines[token.get_dst_line() as usize];
                    String::from_utf16_lossy(&line[token.get_dst_col() as usize..])
                };
                assert_eq!(rest(&after).replace("/entry.mjs", &named), rest(&before), "{} {}", build.id, change.path);
                positions += 1;
            }
            modules += 1;
        }
    }
    println!("{positions} positions in {modules} modules");
    assert!(modules > 3 && positions > 100, "{modules} modules, {positions} positions");
}

/// The control of these properties: a proof that passes a broken build proves nothing.
#[test]
fn a_facade_with_a_static_edge_fails() {
    let build = build_of("node-server.default");
    let planned = plan(&build.sources, &request(build));
    let mut files = applied(build.sources.clone(), &planned);
    let facade = String::from_utf8(files.read(&build.entry).unwrap().unwrap().into_owned()).unwrap();
    for broken in [
        format!("{facade}export {{ default as x }} from \"./entry.mjs\";\n"),
        format!("{facade}import \"pg\";\n"),
        facade.replace("import \"./instrument.server.mjs\";", ""),
        facade.replace("import(\"./entry.mjs\")", "Promise.resolve({})"),
    ] {
        files.insert(build.entry.clone(), broken.clone().into_bytes());
        assert!(!prove(&files, &build.entry).holds(), "{broken}");
    }
}
