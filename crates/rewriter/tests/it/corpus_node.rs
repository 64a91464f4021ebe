//! Ring 3 over the corpus: every captured build is imported by a real Node before and after the rewrite. Its packages are
//! stand-ins with the names that the build imports from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Mutex,
};

use presentry_parser::ImportName;
use presentry_rewriter::{MemorySources, Sources as _, Target, package_name, resolve};

use crate::{
    corpus::Build,
    corpus_properties::rewritten,
    node::{OnDisk, Seen},
    written::applied,
};

/// A value that can be called, constructed, extended, iterated and asked for any property.
const ANYTHING: &str = r#"
const shape = class {};
export const anything = new Proxy(function () {}, {
  get(target, key) {
    if (key === "then" || key === Symbol.toStringTag) return undefined;
    if (key === "prototype") return shape.prototype;
    if (key === Symbol.iterator) return function* () {};
    if (key === Symbol.toPrimitive) return () => "anything";
    return anything;
  },
  apply: () => anything,
  construct: () => ({}),
});
export default anything;
"#;

/// The names that the modules of a build import from each package.
fn imported_names(files: &MemorySources) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for script in files.scripts().unwrap() {
        let text = String::from_utf8(files.read(&script).unwrap().unwrap().into_owned()).unwrap();
        let (record, _) = presentry_parser::parse(&text);
        for request in &record.requested_modules {
            if let Target::Package(specifier) = resolve(&script, &request.specifier.value) {
                names.entry(specifier).or_default();
            }
        }
        let indirect = record.indirect_export_entries.iter().map(|entry| (entry.request, &entry.import_name));
        let imports = record.import_entries.iter().map(|entry| (entry.request, &entry.import_name)).chain(indirect);
        for (request, name) in imports {
            let target = resolve(&script, &record.requested_modules[request].specifier.value);
            if let (Target::Package(specifier), ImportName::Name(name)) = (target, name) {
                names.entry(specifier).or_default().insert(name.value.clone());
            }
        }
    }
    names
}

/// Writes the stand-ins into `node_modules`; those of `@sentry` keep what the SDK's stand-in exports.
fn write_packages(directory: &Path, files: &MemorySources) {
    let mut packages: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (specifier, names) in imported_names(files) {
        let package = package_name(&specifier).to_owned();
        let mut text = ANYTHING.to_owned();
        for name in names.iter().filter(|name| !["default", "anything"].contains(&name.as_str())) {
            if specifier.starts_with("@sentry/") && name == "init" {
                continue;
            }
            text += &format!("export {{ anything as {name} }};\n");
        }
        if specifier.starts_with("@sentry/") {
            text += crate::node::SDK;
        }
        let subpath = format!(".{}", &specifier[package.len()..]);
        packages.entry(package).or_default().push((subpath, text));
    }
    for (package, modules) in packages {
        let folder = directory.join("node_modules").join(&package);
        fs::create_dir_all(&folder).unwrap();
        let mut map = serde_json::Map::new();
        for (number, (subpath, text)) in modules.into_iter().enumerate() {
            fs::write(folder.join(format!("{number}.mjs")), text).unwrap();
            map.insert(subpath, format!("./{number}.mjs").into());
        }
        let manifest = serde_json::json!({ "name": package, "type": "module", "exports": map });
        fs::write(folder.join("package.json"), manifest.to_string()).unwrap();
    }
}

fn describe(build: &Build, files: &MemorySources) -> (Seen, Vec<String>) {
    let disk = OnDisk::new(files);
    write_packages(disk.directory.path(), files);
    disk.describe(build.entry.as_str(), &[])
}

/// The builds that Node cannot load as they were built, each with its reason.
fn not_for_node(build: &Build) -> Option<&'static str> {
    if build.preset.starts_with("deno") {
        return Some("imports `npm:` specifiers, which only Deno knows");
    }
    build.id.contains("hook-bundled").then_some("the SDK's plugin wrote the path of the build machine into an import")
}

#[test]
fn importers_see_the_same_before_and_after() {
    let work = Mutex::new(rewritten().filter(|(build, _)| not_for_node(build).is_none()));
    let next = || work.lock().unwrap().next();
    let counted = Mutex::new((0, 0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((build, planned)) = next() {
                    let (before, unhooked) = describe(build, &build.sources);
                    let (after, hooked) = describe(build, &applied(build.sources.clone(), planned));
                    assert_eq!(after.order.first().map(String::as_str), Some("init"), "{}", build.id);
                    assert!(hooked.iter().any(|file| file.ends_with("entry.mjs")), "{}: {hooked:?}", build.id);
                    let mut counted = counted.lock().unwrap();
                    if build.mode == crate::corpus::Mode::Default {
                        assert_eq!(unhooked, [""; 0], "{} passes unrewritten", build.id);
                        assert_eq!(before.exports, after.exports, "{}", build.id);
                        counted.0 += 1;
                    } else {
                        // The SDK's forwarders are functions, whatever they stand for.
                        assert!(before.exports.keys().eq(after.exports.keys()), "{}", build.id);
                        counted.1 += 1;
                    }
                }
            });
        }
    });
    let (default, injected) = *counted.lock().unwrap();
    assert!(default > 20 && injected > 10, "{default} default builds, {injected} injected ones");
}
