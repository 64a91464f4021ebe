//! What specifiers name, held against a real Node: each is resolved by both from the same module of the same files.

use std::{fs, process::Command};

use presentry_rewriter::{Means, MemorySources, ModulePath, files_of};

use crate::node::node;

/// A build with packages of every form.
const FILES: &[(&str, &str)] = &[
    (
        "package.json",
        r##"{ "name": "mini", "type": "module",
        "imports": { "#rt": "./chunks/nitro.mjs", "#pkg": "plain", "#dir/*": "./chunks/*", "#fs": "node:fs", "#none": null,
            "#if": { "require": "./cjs.cjs", "import": "./a b.mjs" }, "#gone": "nowhere" },
        "exports": { "./rt": "./chunks/nitro.mjs", "./up": "../x.mjs", "./*.js": "./chunks/*.mjs", "./chunks/*": null } }"##,
    ),
    ("index.mjs", ""),
    ("a b.mjs", ""),
    ("100%.mjs", ""),
    ("cjs.cjs", ""),
    ("data.json", "{}"),
    ("chunks/nitro.mjs", ""),
    ("chunks/index.js", ""),
    ("chunks/deep/x.mjs", ""),
    ("chunks/own/package.json", r#"{ "main": "./main" }"#),
    ("chunks/own/main.js", ""),
    ("chunks/own/y.mjs", ""),
    ("chunks/node_modules/plain/index.js", ""),
    ("node_modules/plain/package.json", r#"{ "name": "plain", "main": "lib/main" }"#),
    ("node_modules/plain/lib/main.js", ""),
    ("node_modules/plain/lib/index.js", ""),
    ("node_modules/plain/lib/other.js", ""),
    ("node_modules/bare/index.js", ""),
    ("node_modules/broken/package.json", r#"{ "main": "gone.js" }"#),
    ("node_modules/broken/index.js", ""),
    ("node_modules/folder/package.json", r#"{ "main": "./lib" }"#),
    ("node_modules/folder/lib/index.js", ""),
    ("node_modules/@s/scoped/package.json", r#"{ "name": "@s/scoped", "exports": "./main.js" }"#),
    ("node_modules/@s/scoped/main.js", ""),
    ("node_modules/@s/scoped/inner/self.mjs", ""),
    (
        "node_modules/dual/package.json",
        r##"{ "name": "dual", "exports": {
        ".": [{ "browser": "./browser.js" }, { "import": { "node": "./node.mjs", "default": "./esm.mjs" }, "require": "./cjs.cjs" }],
        "./sync": { "module-sync": "./sync.mjs", "default": "./sync.cjs" },
        "./features/*": "./src/*.js", "./features/*.js": "./src/*.js", "./features/private/*": null,
        "./double/*": "./src/*/*.js", "./out": "./../bare/index.js", "./nm": "./node_modules/x.js", "./lost": "./lost.js",
        "./none": { "deno": "./esm.mjs" }, "./folder/": "./src/", "./enc": "./src/%61.js", "./null": { "node": null, "default": "./esm.mjs" },
        "./undef": { "node": { "deno": "./esm.mjs" }, "default": "./esm.mjs" }, "./first": ["not-a-path", "./esm.mjs"] },
        "imports": { "#own": "./esm.mjs", "#other/*": "plain/lib/*" } }"##,
    ),
    ("node_modules/dual/browser.js", ""),
    ("node_modules/dual/node.mjs", ""),
    ("node_modules/dual/esm.mjs", ""),
    ("node_modules/dual/cjs.cjs", ""),
    ("node_modules/dual/sync.mjs", ""),
    ("node_modules/dual/sync.cjs", ""),
    ("node_modules/dual/src/a.js", ""),
    ("node_modules/dual/src/private/b.js", ""),
    ("node_modules/dual/src/a/a.js", ""),
    ("node_modules/back/package.json", r#"{ "type": "module" }"#),
    ("node_modules/back/index.js", ""),
];

const SPECIFIERS: &[&str] = &[
    "./index.mjs",
    ".//index.mjs",
    "./index.mjs?v=1#x",
    "./a b.mjs",
    "./a%20b.mjs",
    "./%61 b.mjs",
    "./100%25.mjs",
    "./100%.mjs",
    "./nit\tro.mjs",
    "./chunks/ni\ntro.mjs",
    "./chunks/nitro.mjs",
    "./chunks/%6eitro.mjs",
    "./chunks//nitro.mjs",
    "./chunks/./nitro.mjs",
    "./chunks/../chunks/nitro.mjs",
    "./chunks%2fnitro.mjs",
    "./chunks\\nitro.mjs",
    "./chunks",
    "./chunks/",
    "./chunks/nitro",
    "./chunks/own",
    "./chunks/own/",
    "./data",
    "./data.json",
    "./cjs",
    ".",
    "..",
    "../",
    "../index.mjs",
    "../../index.mjs",
    "../server/index.mjs",
    "../server/chunks/nitro.mjs",
    "../../server/index.mjs",
    "../../../server/chunks/nitro.mjs",
    "@ROOT@/index.mjs",
    "@ROOT@//chunks/nitro.mjs",
    "@ROOT@/chunks/../index.mjs",
    "file://@ROOT@/index.mjs",
    "file:@ROOT@/chunks/%6eitro.mjs",
    "FILE://@ROOT@/index.mjs",
    "file://localhost@ROOT@/index.mjs",
    "@ROOT@/cjs",
    "//index.mjs",
    "/index.mjs",
    "#rt",
    "#pkg",
    "#dir/nitro.mjs",
    "#dir/deep/x.mjs",
    "#none",
    "#if",
    "#gone",
    "#unknown",
    "#",
    "mini/rt",
    "mini",
    "mini/up",
    "mini/nitro.js",
    "mini/chunks/nitro.mjs",
    "mini/chunks/nitro.js",
    "plain",
    "plain/lib/other.js",
    "plain/lib/other",
    "plain/lib",
    "plain/",
    "bare",
    "bare/index",
    "broken",
    "folder",
    "folder/lib",
    "@s/scoped",
    "@s/scoped/main.js",
    "@s",
    "dual",
    "dual/sync",
    "dual/features/a",
    "dual/features/a.js",
    "dual/features/private/b",
    "dual/double/a",
    "dual/out",
    "dual/nm",
    "dual/lost",
    "dual/none",
    "dual/folder/a.js",
    "dual/enc",
    "dual/esm.mjs",
    "dual/package.json",
    "dual/null",
    "dual/undef",
    "dual/first",
    "nowhere",
    "nowhere/x",
    "back",
    "back/index.js",
    "back/%69ndex.js",
    "#own",
    "#other/other.js",
    "pl%61in",
    "node_modules/plain",
];

const IMPORTERS: &[&str] = &[
    "index.mjs",
    "chunks/nitro.mjs",
    "chunks/own/y.mjs",
    "node_modules/dual/esm.mjs",
    "node_modules/@s/scoped/inner/self.mjs",
];

/// Prints, for each specifier, the file that `import` and the one that `require()` gives.
const SCRIPT: &str = r#"
import fs from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
const file = (find) => {
  try {
    const found = find();
    return found.startsWith("/") && fs.statSync(found).isFile() ? fs.realpathSync(found) : null;
  } catch { return null; }
};
const require = createRequire(import.meta.url);
const specifiers = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(specifiers.map((specifier) => [
  file(() => fileURLToPath(import.meta.resolve(specifier))),
  file(() => require.resolve(specifier)),
])));
"#;

#[test]
fn specifiers_name_what_they_name_in_node() {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap().join("server");
    for (path, text) in FILES {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let root = root.to_str().unwrap();
    let files = FILES.iter().map(|(path, text)| (ModulePath::new(*path).unwrap(), text.as_bytes().to_vec()));
    let sources = MemorySources::new(files).at(root);
    let specifiers: Vec<String> = SPECIFIERS.iter().map(|specifier| specifier.replace("@ROOT@", root)).collect();
    let list = directory.path().join("specifiers.json");
    fs::write(&list, serde_json::to_string(&specifiers).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut files = 0;
    for importer in IMPORTERS {
        let importer = ModulePath::new(*importer).unwrap();
        let probe = format!("{root}/{}probe.mjs", importer.directory());
        fs::write(&probe, SCRIPT).unwrap();
        let output = Command::new(node()).arg(&probe).arg(&list).env_remove("NODE_OPTIONS").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen: Vec<[Option<String>; 2]> = serde_json::from_slice(&output.stdout).unwrap();
        for (specifier, seen) in specifiers.iter().zip(seen) {
            for (means, seen) in [Means::Import, Means::Require].into_iter().zip(seen) {
                let seen = seen.and_then(|file| Some(file.strip_prefix(root)?.trim_start_matches('/').to_owned()));
                let found = files_of(&sources, &importer, specifier, means);
                let found: Vec<&str> = found.iter().map(ModulePath::as_str).collect();
                files += usize::from(seen.is_some());
                let same = match &seen {
                    Some(seen) => found.contains(&seen.as_str()),
                    None => found.is_empty(),
                };
                if !same {
                    wrong.push(format!("{means:?} {specifier:?} from {importer}: {seen:?} in Node, {found:?} here"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(files > 150, "Node found {files} files");
}
